/// Fetches a document from a URL that an operator or a client named. The only way out of the house.
///
/// Implementations follow no redirect, connect to the address that they checked, refuse private addresses unless
/// `allowPrivate`, and bound time and size.
package protocol Fetcher: Sendable {
    /// The body of a 200 answer, at most `maximumBytes` long.
    func fetch(_ url: String, allowPrivate: Bool, maximumBytes: Int) async throws(FetchError) -> [UInt8]

    /// The document at a source, which may be a file of the server's own, at most `maximumBytes` long.
    func fetch(_ source: KeySource, maximumBytes: Int) async throws(FetchError) -> [UInt8]

    /// Sends a form, once, and gives back the answer whatever its status. A form that may have arrived is not sent again.
    func post(_ form: FormPost, allowPrivate: Bool, maximumBytes: Int) async throws(FetchError) -> FormAnswer
}

/// Why a document could not be fetched; for the log and the audit record, never for a stranger.
package struct FetchError: Error, Sendable, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}
