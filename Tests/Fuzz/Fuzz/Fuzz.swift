import CFuzzer
import Glibc

/// Lets libFuzzer make up input for one of our parsers, until it stops the process or breaks a law.
///
/// The parser is named by `LEGATE_FUZZ_TARGET`; the arguments are libFuzzer's. `Scripts/fuzz` builds and runs it.
@main
enum Fuzz {
    private static let target = FuzzTarget.chosen()

    static func main() {
        var count = CommandLine.argc
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = unsafe CommandLine.unsafeArgv
        let code = unsafe LLVMFuzzerRunDriver(&count, &arguments) { bytes, size in
            unsafe Fuzz.target.probe(Array(UnsafeBufferPointer(start: bytes, count: size)))
            return 0
        }
        exit(code)
    }
}
