/// How much one prediction may take.
package struct PredictionLimits: Sendable {
    /// When it is given up; nil: never.
    package var deadline: ContinuousClock.Instant?
    /// The most symbols of the state.
    package var stateSymbolsMax = Int.max
    /// The most symbols in all predictions together, and in all futures together.
    package var answerSymbolsMax = Int.max

    /// No limits, for a caller who knows what is in a node.
    package static let unlimited = PredictionLimits()

    /// No limits; the caller sets them.
    package init() {}

    /// What a session is told whose state is too large.
    /// - Parameter count: The symbols of the state.
    /// - Throws: ``MemoryError`` `predictionTooLarge` over the limit.
    package func checkState(symbols count: Int) throws(MemoryError) {
        guard count > stateSymbolsMax else { return }
        throw MemoryError(
            .predictionTooLarge,
            "predictions are for up to \(stateSymbolsMax) symbols in short-term memory, and there are \(count): learn "
                + "or clear it"
        )
    }
}

/// Looks at the clock now and then while a prediction is computed, and says when it is to be given up.
struct WorkMeter: Sendable {
    /// About as many steps as take a millisecond.
    private static let stepsPerLook = 1 << 20

    private let deadline: ContinuousClock.Instant?
    private var left = stepsPerLook
    /// Whether it is too late: nothing that is computed from here on counts.
    private(set) var isOver = false

    /// Makes a meter.
    init(deadline: ContinuousClock.Instant?) {
        self.deadline = deadline
        // Who waited for too long does not begin.
        if let deadline, ContinuousClock.now >= deadline { isOver = true }
    }

    /// Notes some steps.
    @inline(__always)
    mutating func spend(_ steps: Int) {
        left &-= steps
        if left <= 0 { look() }
    }

    @inline(never)
    private mutating func look() {
        left = Self.stepsPerLook
        if let deadline, ContinuousClock.now >= deadline { isOver = true }
    }
}
