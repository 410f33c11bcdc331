/// What the checker found in a history.
struct Verdict: Sendable {
    /// A kind of fault, each with a bar of its own.
    enum Fault: String, Sendable, CaseIterable {
        /// A message that was accepted and has no turn, no end, or whose end was never told.
        case lost
        /// A message with two turns, a turn with two ends, or an event told twice.
        case duplicated
        /// Turns or events of a session in another order than accepted, or an answer to another message.
        case outOfOrder = "out_of_order"
        /// A tool's effect that happened twice for one call.
        case effectsDoubled = "effects_doubled"
        /// Tokens charged more than once, or charged and not used.
        case chargedTwice = "charged_twice"
        /// Something that a client was told of a tool's call and that the journal, or the run, does not say.
        case toldWrongly = "told_wrongly"
        /// A turn that ended without an answer.
        case failed
    }

    /// One fault.
    struct Finding: Sendable {
        /// What kind of fault it is.
        var fault: Fault
        /// Where, and what exactly.
        var detail: String
    }

    /// Messages that clients were told are accepted.
    var accepted = 0
    /// Accepted messages whose last event a client got, an answer or an honest failure.
    var answered = 0
    /// What is stored of calls of tools in turns that have ended, and was told to nobody.
    ///
    /// No fault: what is told while a turn runs is not kept for those who follow it, and may be lost with the broker or
    /// the worker. Whoever asks again gets it.
    var untold = 0
    /// Every fault that was found.
    private(set) var findings: [Finding] = []

    /// How many faults of a kind were found.
    func count(_ fault: Fault) -> Int {
        findings.count { $0.fault == fault }
    }

    /// The faults that have a number in what is printed.
    static let numbers = Fault.allCases.filter { $0 != .failed }

    /// The counts as they are printed.
    var counts: String {
        (["accepted \(accepted)", "answered \(answered)"] + Self.numbers.map { "\($0.rawValue) \(count($0))" })
            .joined(separator: " ")
    }

    /// Notes a fault.
    mutating func note(_ fault: Fault, _ detail: String) {
        findings.append(Finding(fault: fault, detail: detail))
    }
}
