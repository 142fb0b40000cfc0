import Glibc

/// A parser of outside input, and the laws that hold for whatever it is given.
struct FuzzTarget: Sendable {
    /// Also the name of its folder in `Corpora`.
    let name: String
    /// Feeds the parser once. It returns, or the process ends.
    let probe: @Sendable ([UInt8]) -> Void

    static let all = [form, jwt, jwk, dpop, json, certificate, details]

    /// The one that the environment names.
    static func chosen() -> FuzzTarget {
        let name = unsafe getenv("LEGATE_FUZZ_TARGET").map { unsafe String(cString: $0) } ?? ""
        guard let target = all.first(where: { $0.name == name }) else {
            let names = all.map(\.name).joined(separator: ", ")
            fatalError("LEGATE_FUZZ_TARGET must be one of \(names)")
        }
        return target
    }
}

/// Ends the process when a law is broken: libFuzzer keeps the input.
func law(_ text: StaticString, _ holds: Bool) {
    guard holds else { fatalError("broken: \(text)") }
}
