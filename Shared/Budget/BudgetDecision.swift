/// Whether tokens may be used, and how much of the limit that would make.
package struct BudgetDecision: Sendable, Equatable {
    /// Whether they may.
    package let allowed: Bool
    /// Tokens of the window with these included: what is used when they are allowed, what would be when they are not.
    ///
    /// Of tenant and persona the one that counts: the one that refuses, else the one with the least left.
    package let totalTokens: Int64
    /// The limit that `totalTokens` is measured by; nil: unlimited.
    package let limitTokens: Int64?

    /// Makes a decision.
    package init(allowed: Bool, totalTokens: Int64, limitTokens: Int64?) {
        self.allowed = allowed
        self.totalTokens = totalTokens
        self.limitTokens = limitTokens
    }

    /// Decides by what is used already.
    /// - Parameters:
    ///   - amount: Tokens to use.
    ///   - scopes: Use and limit of the tenant and, where there is one, the persona.
    /// - Returns: The decision of the tightest limit.
    static func decide(_ amount: Int64, scopes: [ScopeUsage]) -> BudgetDecision {
        var tightest: (left: Int64, decision: BudgetDecision)?
        for scope in scopes {
            let (total, overflowed) = scope.used.addingReportingOverflow(amount)
            let sum = overflowed ? Int64.max : total
            guard let limit = scope.limit else { continue }
            let left = limit.subtractingReportingOverflow(sum).partialValue
            if let tightest, tightest.left <= left { continue }
            tightest = (left, BudgetDecision(allowed: left >= 0, totalTokens: sum, limitTokens: limit))
        }
        if let tightest { return tightest.decision }
        let total = scopes.first.map { $0.used.addingReportingOverflow(amount).partialValue } ?? amount
        return BudgetDecision(allowed: true, totalTokens: total, limitTokens: nil)
    }
}

/// Use and limit of one scope: a tenant as a whole, or one of its personas.
struct ScopeUsage: Sendable, Equatable {
    let used: Int64
    let limit: Int64?
}

/// Tokens that are set aside for a call whose exact use is not known yet.
///
/// To be settled or released once.
package struct BudgetReservation: Sendable {
    /// Whether the tokens could be set aside; when not, there is nothing to settle or release.
    package let decision: BudgetDecision
    let scopes: BudgetScopes
    let record: Record

    /// Where the reservation is written down.
    enum Record: Sendable {
        /// Nowhere: refused, or there is no limit.
        case none
        /// In Redis, under this id, in counters of these generations.
        case redis(id: String, amount: Int64, generations: [String])
        /// In this process, because Redis is away.
        case local(amount: Int64)
    }
}

/// The counters that one use of tokens belongs to.
struct BudgetScopes: Sendable, Hashable {
    let tenant: String
    /// Nil: the use is the tenant's only.
    let persona: String?
    /// The UTC day, `2026-11-21`.
    let window: String

    /// Persona ids as in `budget_usage`, where '' is the tenant as a whole.
    var personaIDs: [String] { persona.map { ["", $0] } ?? [""] }

    /// Keys in Redis; the braces keep a tenant's keys together in a cluster, so that one script may use them.
    var keys: [String] {
        personaIDs.map { "parley:budget:{\(tenant)}:\(window):\($0)" }
    }
}

/// The time windows of budgets: UTC days.
enum BudgetWindow {
    static let secondsPerDay: Int64 = 86_400

    /// The day of a moment, `2026-11-21`.
    static func name(iso8601: String) -> String {
        String(iso8601.prefix(10))
    }

    /// Milliseconds from a moment to the end of its day.
    static func millisecondsLeft(seconds: Int64) -> Int64 {
        let passed = ((seconds % secondsPerDay) + secondsPerDay) % secondsPerDay
        return (secondsPerDay - passed) * 1000
    }
}
