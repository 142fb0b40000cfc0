import Synchronization

/// A number that only grows. A class, because an `Atomic` cannot be an element of an array.
final class Counter: Sendable {
    private let value = Atomic<UInt64>(0)

    func add(_ amount: UInt64 = 1) { value.wrappingAdd(amount, ordering: .relaxed) }
    var total: UInt64 { value.load(ordering: .relaxed) }
}

/// Observations counted by size. Whole numbers alone, so that nothing is lost in the sum and nothing can trap.
struct Histogram: Sendable {
    /// The largest value of a bucket and its text for Prometheus, which counts in base units.
    struct Bound: Sendable {
        let value: UInt64
        let text: String
    }

    let bounds: [Bound]
    /// How many of the values make one base unit.
    let unit: Unit
    /// Observations of each bucket alone; the last one has no bound.
    private let buckets: [Counter]
    private let sum = Counter()

    enum Unit: Sendable {
        case one
        /// Values are nanoseconds, shown as seconds.
        case second
    }

    private init(_ bounds: [Bound], unit: Unit) {
        self.bounds = bounds
        self.unit = unit
        buckets = (0...bounds.count).map { _ in Counter() }
    }

    static func seconds() -> Histogram {
        let microseconds: [(UInt64, String)] = [
            (500, "0.0005"), (1_000, "0.001"), (2_500, "0.0025"), (5_000, "0.005"), (10_000, "0.01"), (25_000, "0.025"),
            (50_000, "0.05"), (100_000, "0.1"), (250_000, "0.25"), (500_000, "0.5"), (1_000_000, "1"),
            (2_500_000, "2.5"),
        ]
        return Histogram(microseconds.map { Bound(value: $0.0 * 1_000, text: $0.1) }, unit: .second)
    }

    static func counts() -> Histogram {
        Histogram([1, 2, 4, 8, 16, 32, 64, 128, 256, 512].map { Bound(value: $0, text: String($0)) }, unit: .one)
    }

    func observe(_ value: UInt64) {
        var index = 0
        while index < bounds.count, value > bounds[index].value { index += 1 }
        buckets[index].add()
        sum.add(value)
    }

    /// A negative duration, which a clock should not give, counts as none.
    func observe(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        let (whole, isTooLong) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !isTooLong else { return }
        observe(UInt64(clamping: whole &+ attoseconds / 1_000_000_000))
    }

    /// What Prometheus wants to see: how many observations were at most as large as each bound.
    var cumulative: [(bound: String, count: UInt64)] {
        var total: UInt64 = 0
        return buckets.enumerated().map { index, bucket in
            total &+= bucket.total
            return (index < bounds.count ? bounds[index].text : "+Inf", total)
        }
    }

    /// The sum of all observations in base units.
    var sumText: String {
        let total = sum.total
        guard unit == .second else { return String(total) }
        let (whole, nanoseconds) = total.quotientAndRemainder(dividingBy: 1_000_000_000)
        let fraction = String(nanoseconds)
        return "\(whole)." + String(repeating: "0", count: 9 - fraction.utf8.count) + fraction
    }
}
