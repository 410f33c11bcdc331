import Caching
import Domain
import EventBus
import JSON
import Lifecycle
import Observability
import ServiceKit
import Synchronization

/// Names a session across tenants.
struct SessionKey: Hashable, Sendable {
    /// The tenant.
    let tenantID: String
    /// The conversation.
    let sessionID: String
}

/// Hands the events of all sessions to the clients that follow them, and keeps what a client that comes in the middle
/// of a turn needs: the events of turns that run now.
///
/// What is over is read from the database.
final class StreamHub: Sendable {
    /// The limits of a hub.
    struct Limits: Sendable {
        /// How many events may wait for one client; one that is slower is cut off and can resume.
        ///
        /// Default 1,000.
        var queuedEventsMax = 1000
        /// How many clients may follow streams; one more gets 503.
        ///
        /// Default 10,000.
        var followersMax = 10_000
        /// How many sessions without followers are kept for those that come late.
        ///
        /// Default 10,000.
        var idleSessionsMax = 10_000
        /// How many events of a running turn are kept.
        ///
        /// Default 4,000.
        var keptEventsMax = 4000
        /// How many sessions at most one call of ``StreamHub/lookIntoSilence(now:)`` sends to the database.
        ///
        /// Default 200: many that fall silent together do not come all at once.
        var looksMax = 200
        /// How long a session without followers is kept while nothing happens in it.
        ///
        /// Default 2 minutes. Deltas that come behind their turn's end would else be kept for ever.
        var idleTimeMax = Duration.seconds(120)
    }

    /// What a follower is told.
    enum Signal: Sendable {
        /// This happens.
        case event(StreamEvent)
        /// A turn is silent: if it has ended, its end is in the database.
        case lookBack
    }

    /// What a client follows a session by.
    struct Subscription: Sendable {
        /// Names the subscription for ``StreamHub/unsubscribe(_:from:)``.
        let id: Int
        /// The events of the running turn so far.
        let running: [StreamEvent]
        /// What comes from now on; ends when the client is too slow.
        let signals: AsyncStream<Signal>
    }

    private struct Session {
        var sequencer = StreamSequencer()
        var running: [StreamEvent] = []
        var followers: [Int: AsyncStream<Signal>.Continuation] = [:]
        var silence: Silence?
        var heardAt: ContinuousClock.Instant?

        var isIdle: Bool { followers.isEmpty && running.isEmpty && sequencer.deadline == nil }
    }

    /// How long a turn that has begun has been silent.
    private struct Silence {
        /// How long the first silence is that is looked into; each further one is twice as long, up to ``longest``.
        static let first = Duration.seconds(5)
        static let longest = Duration.seconds(60)

        var patience = first
        /// When it is looked into.
        var end: ContinuousClock.Instant

        init(from now: ContinuousClock.Instant) { end = now + Self.first }

        init(until end: ContinuousClock.Instant) { self.end = end }

        /// It was looked into, and goes on.
        mutating func goOn(from now: ContinuousClock.Instant) {
            patience = min(patience * 2, Self.longest)
            end = now + patience
        }
    }

    private struct State {
        var followed: [SessionKey: Session] = [:]
        /// Turns run in them, and nobody follows: past the limit the one that was quiet for the longest time goes.
        var unfollowed: LeastRecentlyUsed<SessionKey, Session>
        var holding: Set<SessionKey> = []
        var followerCount = 0
        var nextID = 0
        var isClosed = false

        init(idleSessionsMax: Int) {
            unfollowed = LeastRecentlyUsed(weightMax: idleSessionsMax)
        }

        /// Takes a session out, to be put back with ``put(_:_:)``.
        mutating func take(_ key: SessionKey) -> Session? {
            followed.removeValue(forKey: key) ?? unfollowed.remove(key)
        }

        mutating func put(_ session: Session, _ key: SessionKey) {
            if session.sequencer.deadline == nil { holding.remove(key) } else { holding.insert(key) }
            if !session.followers.isEmpty {
                followed[key] = session
            } else if !session.isIdle {
                unfollowed.set(key, session)
            }
        }
    }

    private let limits: Limits
    private let state: Mutex<State>

    /// Makes a hub.
    init(limits: Limits = Limits()) {
        self.limits = limits
        state = Mutex(State(idleSessionsMax: limits.idleSessionsMax))
    }

    /// How many clients follow.
    var followerCount: Int { state.withLock(\.followerCount) }

    /// Whether one more client may follow.
    var hasRoom: Bool { state.withLock { !$0.isClosed && $0.followerCount < limits.followersMax } }

    /// Begins to follow a session; nil when too many clients follow already, or the hub is closed.
    func subscribe(to key: SessionKey) -> Subscription? {
        let (signals, continuation) = AsyncStream.makeStream(
            of: Signal.self,
            bufferingPolicy: .bufferingOldest(limits.queuedEventsMax)
        )
        return state.withLock { state in
            guard !state.isClosed, state.followerCount < limits.followersMax else { return nil }
            state.followerCount += 1
            state.nextID += 1
            var session = state.take(key) ?? Session()
            session.followers[state.nextID] = continuation
            state.put(session, key)
            return Subscription(id: state.nextID, running: session.running, signals: signals)
        }
    }

    /// Ends a subscription; to be called once for each, also for one that was cut off.
    func unsubscribe(_ subscription: Subscription, from key: SessionKey) {
        let continuation = state.withLock { state -> AsyncStream<Signal>.Continuation? in
            state.followerCount -= 1
            guard var session = state.take(key) else { return nil }
            let continuation = session.followers.removeValue(forKey: subscription.id)
            state.put(session, key)
            return continuation
        }
        continuation?.finish()
    }

    /// Takes an event from a topic.
    func receive(_ event: StreamEvent, for key: SessionKey, now: ContinuousClock.Instant = .now) {
        state.withLock { state in
            var session = state.take(key) ?? Session()
            deliver(session.sequencer.receive(event, now: now), to: &session)
            session.silence = session.sequencer.isTurnOpen ? Silence(from: now) : nil
            session.heardAt = now
            state.put(session, key)
        }
    }

    /// Sends followers of turns that are silent for long to what is stored: whatever has kept an end from this
    /// gateway, a client that follows is told of it.
    ///
    /// Sessions that are silent and that nobody follows are forgotten.
    /// To be called every second or so.
    func lookIntoSilence(now: ContinuousClock.Instant = .now) {
        state.withLock { state in
            let due = state.followed.lazy.filter { $0.value.silence.map { $0.end <= now } ?? false }.map(\.key)
            for key in Array(due.prefix(limits.looksMax)) {
                guard var session = state.take(key) else { continue }
                if session.sequencer.isTurnOpen { session.silence?.goOn(from: now) } else { session.silence = nil }
                signal(.lookBack, to: &session)
                state.put(session, key)
            }
            while let key = state.unfollowed.oldestKey, let heardAt = state.unfollowed.oldestValue?.heardAt,
                heardAt + limits.idleTimeMax <= now
            {
                state.holding.remove(key)
                state.unfollowed.remove(key)
            }
        }
    }

    /// The broker has lost events, perhaps the end of a turn of which nothing else has come: followers are sent to what
    /// is stored, by ``lookIntoSilence(now:)`` as fast as that does.
    func distrust(now: ContinuousClock.Instant = .now) {
        state.withLock { state in
            for key in state.followed.keys {
                state.followed[key]?.silence = Silence(until: now)
            }
        }
    }

    /// Passes on what was held for events that did not come.
    ///
    /// To be called every few dozen milliseconds.
    func expire(now: ContinuousClock.Instant = .now) {
        state.withLock { state in
            for key in state.holding {
                guard var session = state.take(key) else {
                    state.holding.remove(key)
                    continue
                }
                deliver(session.sequencer.expire(now: now), to: &session)
                session.silence = session.sequencer.isTurnOpen ? Silence(from: now) : nil
                state.put(session, key)
            }
        }
    }

    /// Ends every stream and begins none: clients come back, to another gateway.
    func close() {
        let continuations = state.withLock { state in
            state.isClosed = true
            return state.followed.values.flatMap { $0.followers.values.map(\.self) }
        }
        for continuation in continuations {
            continuation.finish()
        }
    }

    private func deliver(_ events: [StreamEvent], to session: inout Session) {
        for event in events {
            if event.position.opensAttempt { session.running = [] }
            if event.kind.isFinal {
                session.running = []
            } else if session.running.count < limits.keptEventsMax {
                session.running.append(event)
            }
            signal(.event(event), to: &session)
        }
    }

    private func signal(_ signal: Signal, to session: inout Session) {
        for (id, follower) in session.followers {
            if case .dropped = follower.yield(signal) {
                // Its buffer is full: ended here, it sees the end after what is buffered, and can resume.
                follower.finish()
                session.followers[id] = nil
            }
        }
    }
}
