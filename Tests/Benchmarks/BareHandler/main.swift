import Hummingbird
import NIOCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The answer of the bare handler: 600 bytes of JSON in the shape of a token response, built once.
///
/// The handler stands for what the framework alone costs: it reads the body of `POST /token` and answers as many bytes
/// as a token answer has. Everything that Legate does on top of it is the difference between the two measurements.
enum TokenSizedAnswer {
    static let length = 600
    static let buffer: ByteBuffer = {
        let head = #"{"access_token":""#
        let tail = #"","token_type":"Bearer","expires_in":300,"scope":"read"}"#
        let filler = String(repeating: "x", count: length - head.utf8.count - tail.utf8.count)
        return ByteBuffer(string: head + filler + tail)
    }()
}

guard CommandLine.arguments.count == 2, let port = Int(CommandLine.arguments[1]), (1...65_535).contains(port) else {
    print("usage: BareHandler PORT")
    exit(2)
}

let router = Router()
router.post("token") { request, _ in
    _ = try await request.body.collect(upTo: 65_536)
    return Response(
        status: .ok,
        headers: [.contentType: "application/json", .cacheControl: "no-store"],
        body: ResponseBody(byteBuffer: TokenSizedAnswer.buffer)
    )
}

let application = Application(
    router: router,
    configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: port))
)
try await application.runService()
