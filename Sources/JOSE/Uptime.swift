/// Whole seconds since some fixed moment: they never go back, and nobody sets them, whatever happens to the time of day.
package typealias Uptime = @Sendable () -> Int64
