package import OAuth

package struct GuardedFetcher: Fetcher {
    package init(allowsLoopback: Bool) {}
    package func fetch(_ url: String, allowPrivate: Bool, maximumBytes: Int) async throws(FetchError) -> [UInt8] {
        throw FetchError("stub")
    }
}
