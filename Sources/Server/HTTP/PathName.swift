import Hummingbird
import OAuth

extension LegateContext {
    /// A name in the path, percent-decoded. A slash within it is written `%2F`.
    ///
    /// - Throws: 404 when it cannot be decoded: nothing has such a name.
    func pathName(_ parameter: String) throws -> String {
        guard let name = parameters.get(parameter).flatMap({ $0[...].pathDecoded }) else {
            throw HTTPRefusal(status: .notFound, detail: "there is nothing at this path")
        }
        return name
    }
}

extension Substring {
    /// A segment of a path, percent-decoded once; nil when it stands for no text.
    var pathDecoded: String? { try? OAuth.Parameters.decode(ArraySlice(String(self).replacingPlus.utf8)) }
}

extension String {
    /// In a path `+` is itself; only forms use it for a space.
    fileprivate var replacingPlus: String {
        contains("+") ? split(separator: "+", omittingEmptySubsequences: false).joined(separator: "%2B") : self
    }
}
