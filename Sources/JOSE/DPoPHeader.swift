/// The header of a DPoP proof (RFC 9449 section 4.2): of the right type, with an accepted algorithm, and the key that it
/// carries, checked in full.
final class DPoPHeader: Sendable {
    let header: JWTHeader
    let key: JWK

    init(_ parts: CompactJWS) throws(DPoPError) {
        let members: JSONObject
        do throws(JWTError) {
            members = try parts.headerMembers()
            header = try JWTHeader(members)
        } catch {
            throw .token(error)
        }
        // The cheap refusals come before the key is looked at.
        guard DPoPProof.types.allows(header.type) else { throw .token(.wrongType) }
        guard let algorithm = header.algorithm, DPoPProof.algorithms.contains(algorithm) else {
            throw .token(.algorithmNotAllowed)
        }
        do throws(JWKError) {
            guard let json = members["jwk"] else { throw .malformed("there is none") }
            key = try JWK(json: json)
        } catch {
            throw .key(error)
        }
    }
}
