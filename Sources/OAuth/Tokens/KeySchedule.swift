import JOSE

/// When the next signing key of an algorithm is published. It follows from the keys that there are: a restart neither
/// repeats a rotation nor misses one.
package struct KeySchedule: Sendable, Equatable {
    /// For how long a key signs, in seconds; nil when keys change by hand alone.
    package let period: Int?

    /// Seconds: a day.
    package static let usualPeriod = 86_400
    /// Seconds that a period may have. A key must have been published for long enough, and must be able to retire.
    package static let periods = 900...(366 * 86_400)

    package init(period: Int?) {
        self.period = period.map { min(max($0, Self.periods.lowerBound), Self.periods.upperBound) }
    }

    /// A key that has to be published now.
    struct Due: Equatable {
        let algorithm: SignatureAlgorithm
        let activeFrom: Timestamp
    }

    /// What has to be published now: for each algorithm with a key of ours that will have signed for a period soon, and
    /// that has no successor yet. A key that was brought stays until somebody changes it.
    func due(among keys: [StoredSigningKey], at now: Timestamp) -> [Due] {
        guard let period else { return [] }
        return SignatureAlgorithm.allCases.compactMap { algorithm in
            let line = keys.filter { $0.algorithm == algorithm.rawValue && $0.revokedAt == nil && $0.erasedAt == nil }
            // Made before the clock was set back by far, a key may wait for its time for years: it is no successor.
            let soon = now.adding(seconds: period + SigningKeys.publishedBeforeUse)
            guard !line.contains(where: { $0.activeFrom > now && $0.activeFrom <= soon }),
                let signing = line.filter({ $0.activeFrom <= now }).max(by: { $0.activeFrom < $1.activeFrom }),
                signing.origin == .made
            else { return nil }
            let end = signing.activeFrom.adding(seconds: period)
            guard now >= end.adding(seconds: -SigningKeys.publishedBeforeUse) else { return nil }
            return Due(algorithm: algorithm, activeFrom: max(end, now.adding(seconds: SigningKeys.publishedBeforeUse)))
        }
    }
}
