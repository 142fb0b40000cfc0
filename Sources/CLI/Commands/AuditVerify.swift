import ArgumentParser
import Foundation
import JOSE
import OAuth
import Vault

/// `legate audit verify`
struct AuditVerify: RemoteCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Is the trail whole? Finds any record that was changed, removed, moved or cut off.",
        discussion: """
            Example:
              legate audit verify
              legate audit verify --file events.jsonl
              zcat archive.jsonl.gz | legate audit verify --file -

            An export is checked on this machine. The signature of its checkpoint is verified with the keys of the \
            server, when that can be reached, or with those in --jwks.
            """
    )

    @Option(
        help: ArgumentHelp("Check this export, or - for standard input, instead of the server.", valueName: "export"),
        completion: .file()
    )
    var file: String?

    @Option(
        help: ArgumentHelp("The keys that the server had, from its jwks.json.", valueName: "file"), completion: .file()
    )
    var jwks: String?

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if jwks != nil, file == nil { throw ValidationError("--jwks needs --file") }
    }

    func run() async throws {
        guard let file else {
            let found: Answer = try await connection.withServer { try await self.answer(from: $0) }
            return try connection.printer.print(found)
        }
        try connection.printer.print(try await verify(file))
    }

    func answer(from server: AdminClient) async throws -> Answer {
        let report = try await server.get("audit/verify").object ?? [:]
        return Self.answer(report)
    }

    // MARK: Offline

    private func verify(_ file: String) async throws -> Answer {
        var keys: JWKSet?
        var issuer: String?
        if let jwks {
            keys = try JWKSet(json: try Files.keySet(jwks))
        } else {
            do {
                (keys, issuer) = try await connection.withServer { server in
                    (try await server.keys(), server.profile.server.text)
                }
            } catch {
                connection.printer.note("\(error); the signature of the checkpoint is not verified")
            }
        }
        return Self.answer(try Self.report(file, keys: keys, issuer: issuer))
    }

    /// Reads the export line by line; it may be far greater than memory.
    private static func report(_ file: String, keys: JWKSet?, issuer: String?) throws -> JSONObject {
        let handle: FileHandle
        if file == "-" {
            handle = .standardInput
        } else {
            guard let opened = FileHandle(forReadingAtPath: file) else { throw CommandFailure("cannot read \(file)") }
            handle = opened
        }
        var export = AuditExport(keys: keys, issuer: issuer)
        var lines = LineSplitter()
        while let chunk = try handle.read(upToCount: 1 << 20), !chunk.isEmpty {
            lines.take(Array(chunk)) { export.consume(line: $0) }
        }
        lines.finish { export.consume(line: $0) }
        let report = export.finish()
        return [
            "valid": .bool(report.valid),
            "records": .integer(Int64(report.records)),
            "first_bad": report.firstBad.map(JSON.integer) ?? .null,
            "problem": report.problem.map(JSON.string) ?? .null,
            "first": report.first.map(JSON.integer) ?? .null,
            "last": report.last.map(JSON.integer) ?? .null,
            "checkpoint": .string(report.checkpoint.rawValue),
        ]
    }

    // MARK: Verdict

    /// A trail that is not whole is shown, and the exit code is 1.
    static func answer(_ report: JSONObject) -> Answer {
        let isValid = report["valid"]?.bool ?? false
        var failure: String?
        if !isValid {
            let problem = report["problem"]?.string ?? "it was changed"
            let place = report["first_bad"]?.integer.map { " (first bad record: \($0))" } ?? ""
            failure = "the audit trail is not whole: \(problem)\(place)"
        }
        return Answer(.object(report), text: Table.card(.object(report)), failure: failure)
    }
}

/// Cuts a stream of bytes into lines, without their newlines.
struct LineSplitter {
    private var rest: [UInt8] = []

    mutating func take(_ bytes: [UInt8], _ body: ([UInt8]) -> Void) {
        var start = bytes.startIndex
        while let newline = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
            body(rest + bytes[start..<newline])
            rest.removeAll()
            start = newline + 1
        }
        rest += bytes[start...]
    }

    /// What is left when the stream ends without a newline.
    mutating func finish(_ body: ([UInt8]) -> Void) {
        if !rest.isEmpty { body(rest) }
        rest.removeAll()
    }
}
