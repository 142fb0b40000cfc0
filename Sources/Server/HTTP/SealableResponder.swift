import HTTPTypes
import Hummingbird
import NIOCore

/// Brings each request to the server that is open at this moment, or to the one that is not.
struct SealableResponder: HTTPResponder {
    typealias Context = LegateContext

    let server: SealableServer

    func respond(to request: Request, context: LegateContext) async throws -> Response {
        switch server.enter() {
        case .open(let period):
            defer { period.leave() }
            var response = try await period.responder.respond(to: request, context: context)
            if response.body.contentLength == nil { response.body = period.streaming(response.body) }
            return response
        case .sealed(let responder): return try await responder.respond(to: request, context: context)
        case nil: throw SealedResponder.refusal
        }
    }
}

/// Counts an answer that is still being written.
final class SealablePassage: Sendable {
    let period: SealablePeriod

    init(_ period: SealablePeriod) {
        self.period = period
        period.enter()
    }

    deinit { period.leave() }
}

/// Writes for as long as the server is open.
struct SealableWriter: ResponseBodyWriter {
    var inner: any ResponseBodyWriter
    let passage: SealablePassage

    mutating func write(_ buffer: ByteBuffer) async throws {
        // The answer has begun: to break it off is the only way to say that it is not whole.
        if passage.period.hasBeenCut { throw SealedResponder.refusal }
        try await inner.write(buffer)
    }

    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {
        if passage.period.hasBeenCut { throw SealedResponder.refusal }
        try await inner.finish(trailingHeaders)
    }
}
