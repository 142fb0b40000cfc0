/// Whole seconds since some fixed moment: they never go back, and nobody sets them, whatever happens to the time of day.
package typealias Uptime = @Sendable () -> Int64

/// The clock of this machine, counted from now. It goes on while the machine sleeps.
package func systemUptime() -> Uptime {
    let start = ContinuousClock.now
    return { (ContinuousClock.now - start).components.seconds }
}
