import JOSE

/// The value of a claim that has no member of its own in `VerifiedToken`.
public indirect enum TokenClaim: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([TokenClaim])
    case object([String: TokenClaim])

    init(_ json: JSON) {
        switch json {
        case .null: self = .null
        case .bool(let value): self = .bool(value)
        case .integer(let value): self = .integer(value)
        case .number(let value): self = .number(value)
        case .string(let value): self = .string(value)
        case .array(let elements): self = .array(elements.map(TokenClaim.init))
        case .object(let object):
            // Two names may be the same to Unicode, though not to JSON: the first one stays.
            self = .object(
                Dictionary(
                    object.members.map { ($0.name, TokenClaim($0.value)) }, uniquingKeysWith: { first, _ in first })
            )
        }
    }
}
