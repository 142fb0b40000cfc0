import ArgumentParser
import Foundation
import JOSE
import Vault

/// Where a new value comes from: a file, standard input, or a person whose typing is not shown. Never an argument, which
/// every process of the machine can read.
struct SecretSource: ParsableArguments {
    @Option(
        help: ArgumentHelp("A file with the value, or - for standard input; a terminal is asked.", valueName: "file"),
        completion: .file()
    )
    var fromFile: String?

    @Flag(help: "Keep a line end after the value; one is taken off otherwise.")
    var verbatim = false

    /// - Parameter isWanted: ask a person when no file is named.
    /// - Returns: nil when there is none and none is wanted.
    func value(of name: SecretNameArgument, isWanted: Bool) throws -> Secret? {
        if let fromFile { return Secret(trimmed(try Files.read(fromFile))) }
        guard isWanted else { return nil }
        guard isatty(STDIN_FILENO) == 1 else {
            throw CommandFailure("the value is missing: name a file with --from-file, or - for standard input")
        }
        return try PassphrasePrompt.ask("The value of \(name), which is not shown: ", isNew: true)
    }

    /// What an editor or `echo` puts behind the last line is not meant.
    private func trimmed(_ bytes: [UInt8]) -> [UInt8] {
        guard !verbatim, bytes.last == UInt8(ascii: "\n") else { return bytes }
        let rest = bytes.dropLast()
        return Array(rest.last == UInt8(ascii: "\r") ? rest.dropLast() : rest)
    }
}

extension JSONObject {
    /// Sets a value as the vault takes it: as text when it is, else as base64.
    mutating func set(_ value: Secret) {
        value.withBytes { bytes in
            if let text = String(validating: bytes, as: UTF8.self) {
                self["value"] = .string(text)
            } else {
                self["value_base64"] = .string(Data(bytes).base64EncodedString())
            }
        }
    }
}
