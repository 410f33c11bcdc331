import Domain

/// Puts the events of one session in order.
///
/// No I/O and no clock of its own.
///
/// Deltas and other events travel on two topics, so a final answer can overtake the last deltas of its turn. Within an
/// attempt the positions have no gaps; an event that is ahead of its turn is held until what is missing has come, or
/// until it has waited long enough: a delta may be lost for good, because deltas are not stored.
struct StreamSequencer {
    /// How long an event is held for one that is missing.
    static let patience = Duration.milliseconds(250)
    /// How many events are held at most; with one more, what is missing is given up at once.
    static let heldMax = 4000

    private var last: StreamPosition?
    private var turnIsOver = true
    private var held: [StreamPosition: StreamEvent] = [:]
    private var heldSince: ContinuousClock.Instant?

    /// When ``expire(now:)`` should be called, if no event comes before.
    var deadline: ContinuousClock.Instant? { heldSince.map { $0 + Self.patience } }

    /// Whether a turn has begun whose end has not come.
    var isTurnOpen: Bool { !turnIsOver }

    /// Takes an event.
    /// - Returns: The events whose turn it is, in order.
    mutating func receive(_ event: StreamEvent, now: ContinuousClock.Instant) -> [StreamEvent] {
        if let last, event.position <= last { return [] }
        if !isNext(event) {
            held[event.position] = event
            if heldSince == nil { heldSince = now }
            return held.count > Self.heldMax ? skip(now: now) : []
        }
        return pass(event) + passHeld(now: now)
    }

    /// Gives up waiting for what is missing, where it has been waited for long enough.
    /// - Returns: The events that were held for it, in order.
    mutating func expire(now: ContinuousClock.Instant) -> [StreamEvent] {
        guard let deadline, deadline <= now else { return [] }
        return skip(now: now)
    }

    /// Passes the first held event and the others of its attempt: each further hole would cost another wait, and no
    /// delta is told behind the first.
    private mutating func skip(now: ContinuousClock.Instant) -> [StreamEvent] {
        guard let first = held.keys.min() else { return [] }
        var passed: [StreamEvent] = []
        for position in held.keys.filter({ $0.turn == first.turn && $0.attempt == first.attempt }).sorted() {
            if let event = held.removeValue(forKey: position) { passed += pass(event) }
        }
        return passed + passHeld(now: now)
    }

    private func isNext(_ event: StreamEvent) -> Bool {
        if let last, event.position.turn == last.turn {
            return event.position.index == last.index + 1 || event.position.opensAttempt
        }
        // An event that opens no attempt may have overtaken the one that does. A turn whose beginning was lost is held,
        // and its end must not be lost with it.
        return turnIsOver && event.position.opensAttempt && held.keys.allSatisfy { $0 >= event.position }
    }

    /// Passes an event on, behind the one that opens its attempt when that was lost: it carries nothing that the
    /// event's own position does not say, and without it a client would take a second attempt's text for more of the
    /// first's.
    private mutating func pass(_ event: StreamEvent) -> [StreamEvent] {
        let isOpened = last.map { $0.turn == event.position.turn && $0.attempt == event.position.attempt } ?? false
        last = event.position
        turnIsOver = event.kind.isFinal
        if isOpened || event.position.opensAttempt { return [event] }
        let first = StreamPosition.firstIndex(ofAttempt: event.position.attempt)
        let opening = StreamEvent.opening(
            position: StreamPosition(turn: event.position.turn, index: first),
            sessionID: event.sessionID,
            turnID: event.turnID
        )
        return [opening, event]
    }

    private mutating func passHeld(now: ContinuousClock.Instant) -> [StreamEvent] {
        var passed: [StreamEvent] = []
        while let first = held.keys.min(), let event = held[first] {
            if let last, event.position <= last {
                held[first] = nil
                continue
            }
            guard isNext(event) else { break }
            held[first] = nil
            passed += pass(event)
        }
        heldSince = held.isEmpty ? nil : now
        return passed
    }
}
