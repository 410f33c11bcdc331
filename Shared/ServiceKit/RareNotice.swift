/// Decides whether what is said again and again is worth a line in the log: at first, when it changes, then rarely.
///
/// No I/O, no clock.
struct RareNotice: Sendable {
    /// How often the same is said again.
    static let interval = Duration.seconds(30)

    private var last: (text: String, at: ContinuousClock.Instant)?

    /// Whether to say it now; `text` tells one thing from another.
    mutating func isDue(_ text: String = "", now: ContinuousClock.Instant) -> Bool {
        if let last, last.text == text, last.at.duration(to: now) < Self.interval { return false }
        last = (text, now)
        return true
    }
}
