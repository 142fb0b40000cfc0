import HTTPTypes
import Hummingbird
import NIOCore
import OAuth

/// `POST /admin/vault/backup`: the whole vault in one encrypted file, streamed while everything goes on.
struct BackupRoute: Sendable {
    let desk: BackupDesk

    /// One that breaks off is shorter than its own header says, and its last chunk does not open.
    func download(_ admin: AdminRequest) async throws -> Response {
        let backup: Backup
        do {
            backup = try await desk.begin(by: admin.caller)
        } catch is BackupDesk.Busy {
            throw HTTPRefusal(
                status: .conflict, detail: "another backup is being made; try again when it is done",
                headers: [.retryAfter: "10"]
            )
        }
        let body = ResponseBody(contentLength: Int(exactly: backup.length)) { writer in
            try await backup.write { bytes in
                if !bytes.isEmpty { try await writer.write(ByteBuffer(bytes: bytes)) }
            }
            try await writer.finish(nil)
        }
        return Response(
            status: .ok, headers: [.contentType: "application/octet-stream", .cacheControl: "no-store"], body: body
        )
    }
}
