import Hummingbird
import JOSE
import NIOCore
import OAuth

/// `POST /vault/import`: many values at once, all of them or none.
struct ImportRoute: Sendable {
    let desk: SecretDesk

    /// Bytes that a request may weigh: an import holds many values, each of them up to 64 KiB.
    static let limit = 16 << 20

    func bringIn(_ admin: AdminRequest) async throws -> Response {
        let type = admin.request.headers[.contentType]?.mediaType
        guard type == "application/json" else {
            throw HTTPRefusal(status: .unsupportedMediaType, detail: "the content type must be application/json")
        }
        try admin.caller.require(SecretDesk.writeScope)
        let order = try SecretImport(from: try await document(of: admin.request))
        let steps = try await desk.bringIn(order, by: admin.caller)
        let isRefused = steps.contains { $0.action == .refused }
        return Response(json: [
            "applied": .bool(!order.isDryRun && !isRefused),
            "items": .array(steps.map { .object($0.document) }),
        ])
    }

    private func document(of request: Request) async throws -> JSONObject {
        let bytes: [UInt8]
        do {
            bytes = Array(try await request.body.collect(upTo: Self.limit).readableBytesView)
        } catch is NIOTooManyBytesError {
            throw HTTPRefusal(status: .contentTooLarge, detail: "the body is larger than \(Self.limit) bytes")
        }
        guard let object = (try? JSON(parsing: bytes))?.object else {
            throw HTTPRefusal(status: .badRequest, detail: "the body must be a JSON object")
        }
        return object
    }
}
