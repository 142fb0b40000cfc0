import FoundationEssentials
import JOSE
import OAuth
import Vault

extension ReleasedSecret {
    /// The answer to a read. A value that is text stands as it is, any other one as base64.
    var document: JSONObject {
        let (text, encoding) = value.withBytes { bytes in
            String(validating: bytes, as: UTF8.self).map { ($0, "utf8") }
                ?? (Data(bytes).base64EncodedString(), "base64")
        }
        return [
            "name": .string(secret.name.text), "version": .integer(Int64(lease.version)), "value": .string(text),
            "encoding": .string(encoding),
            "lease": .object([
                "lease_id": .string(lease.id.text), "expires_at": .string(RFC3339.text(lease.expiresAt)),
            ]),
        ]
    }
}
