package import JOSE

/// Whom a security event or a request for global revocation is about: a subject identifier (RFC 9493).
package enum ReportedSubject: Sendable, Equatable {
    /// Format `iss_sub`: a user by issuer URL and `sub`.
    case issuerAndSubject(issuer: String, subject: String)
    /// Format `opaque`: a name that means something between two parties only.
    case opaque(String)

    /// The member that carries it.
    package static let member = "sub_id"

    /// Why it cannot be used; one short phrase without anything of it.
    package enum Objection: Error, Sendable, Equatable {
        case malformed(String)
        case unsupportedFormat
    }

    /// Reads an identifier. A member that its format does not have is refused (RFC 9493 section 3).
    package init(_ json: JSON?) throws(Objection) {
        guard let json else { throw .malformed("sub_id is missing") }
        guard let object = json.object else { throw .malformed("sub_id must be an object") }
        guard let format = object["format"]?.string else { throw .malformed("sub_id has no format") }
        func text(_ name: String) throws(Objection) -> String {
            guard let text = object[name]?.string, !text.isEmpty else {
                throw .malformed("\(name) of sub_id must be a text")
            }
            return text
        }
        switch format {
        case "iss_sub":
            self = .issuerAndSubject(issuer: try text("iss"), subject: try text("sub"))
            guard object.count == 3 else { throw .malformed("sub_id has members that iss_sub does not have") }
        case "opaque":
            self = .opaque(try text("id"))
            guard object.count == 2 else { throw .malformed("sub_id has members that opaque does not have") }
        default: throw .unsupportedFormat
        }
    }
}

extension ReportedSubject.Objection: CustomStringConvertible {
    package var description: String {
        switch self {
        case .malformed(let what): what
        case .unsupportedFormat: "the format of sub_id is not one of iss_sub, opaque"
        }
    }
}
