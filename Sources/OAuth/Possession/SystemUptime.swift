package import JOSE

/// The clock of this machine, counted from now. It goes on while the machine sleeps.
package func systemUptime() -> Uptime {
    let start = ContinuousClock.now
    return { (ContinuousClock.now - start).components.seconds }
}
