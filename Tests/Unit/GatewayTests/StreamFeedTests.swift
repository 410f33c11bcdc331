import Domain
import Postgres
import Synchronization
import Testing

@testable import parley_gateway

/// What one client is told, with a script in place of the database.
struct StreamFeedTests {
    /// What the database has, and what the client has.
    private final class Script: Sendable {
        let pages: Mutex<[[StreamEvent]?]>
        let told = Mutex<[String]>([])

        init(_ pages: [[StreamEvent]?]) { self.pages = Mutex(pages) }

        func nextPage() throws -> [StreamEvent] {
            try pages.withLock { pages in
                if pages.isEmpty { Issue.record("one look at the database too many") }
                guard let page = pages.isEmpty ? [] : pages.removeFirst() else {
                    throw PostgresError(.unavailable, "the database is away")
                }
                return page
            }
        }

        func tell(_ event: StreamEvent) { told.withLock { $0.append(event.position.description) } }
    }

    private let key = SessionKey(tenantID: "default", sessionID: "s")

    /// What a client is told that follows a session until `script` is through; each look at the database finds the
    /// next of the pages, or fails where that is nil.
    private func told(
        stored pages: [[StreamEvent]?],
        after position: StreamPosition = .start,
        on hub: StreamHub = StreamHub(),
        script: (StreamHub) -> Void
    ) async throws -> [String] {
        let scripted = Script(pages)
        let feed = StreamFeed(hub: hub, key: key) { position, _ in
            try scripted.nextPage().filter { $0.position > position }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                _ = try await feed.run(after: position) { event in scripted.tell(event) }
            }
            while hub.followerCount == 0 { await Task.yield() }
            script(hub)
            hub.close()
            try await group.waitForAll()
        }
        let isThrough = scripted.pages.withLock(\.isEmpty)
        #expect(isThrough, "every look at the database took place")
        return scripted.told.withLock(\.self)
    }

    @Test func anEndThatNeverCameIsTakenFromTheDatabase() async throws {
        let now = ContinuousClock.now
        let told = try await told(stored: [[], Make.turn(1, deltas: 0)]) { hub in
            hub.receive(Make.opening(1, after: 0), for: key, now: now)
            hub.lookIntoSilence(now: now + .seconds(5))
        }
        #expect(told == ["1-0", "1-1"])
    }

    @Test func theEndComesBeforeTheTurnThatOvertookItAndOnlyOnce() async throws {
        let now = ContinuousClock.now
        let late = now + StreamSequencer.patience
        let told = try await told(stored: [[], Make.turn(1, deltas: 0)]) { hub in
            hub.receive(Make.opening(1, after: 0), for: key, now: now)
            hub.receive(Make.opening(3, after: 1), for: key, now: now)
            hub.expire(now: late)
            hub.receive(Make.event(1, 1, .message), for: key, now: late)
            hub.receive(Make.event(3, 1, .message), for: key, now: late)
        }
        #expect(told == ["1-0", "1-1", "3-0", "3-1"])
    }

    @Test func aTurnOvertakenByAToolCallOfTheNextIsToldFirst() async throws {
        let now = ContinuousClock.now
        let late = now + StreamSequencer.patience
        let told = try await told(stored: [[], Make.turn(1, deltas: 0)]) { hub in
            // Of the first turn nothing has come, of the second not even its beginning.
            hub.receive(Make.event(3, 1, .toolRequest), for: key, now: now)
            hub.expire(now: late)
            for event in Make.turn(1, deltas: 0) {
                hub.receive(event, for: key, now: late)
            }
            hub.receive(Make.event(3, 2, .message), for: key, now: late)
        }
        #expect(told == ["1-0", "1-1", "3-0", "3-1", "3-2"])
    }

    @Test func aTurnOfWhichNothingCameIsNoticedByTheNext() async throws {
        let told = try await told(stored: [[], Make.turn(3, deltas: 0)]) { hub in
            hub.receive(Make.opening(1, after: 0), for: key)
            hub.receive(Make.event(1, 1, .message), for: key)
            hub.receive(Make.opening(5, after: 3), for: key)
        }
        #expect(told == ["1-0", "1-1", "3-0", "3-1", "5-0"])
    }

    @Test func turnsInTheirOrderNeedNoLookAtTheDatabase() async throws {
        let told = try await told(stored: [[]]) { hub in
            hub.receive(Make.opening(1, after: 0), for: key)
            hub.receive(Make.event(1, 1, .message), for: key)
            hub.receive(Make.opening(3, after: 1), for: key)
            hub.receive(Make.event(3, 1, .message), for: key)
        }
        #expect(told == ["1-0", "1-1", "3-0", "3-1"])
    }

    @Test func whoComesBackIsToldWhatEndedMeanwhile() async throws {
        let position = StreamPosition(turn: 1, index: 1)
        // The first look is the one at the beginning; whether 1-1 was the end of its turn is not known.
        let told = try await told(stored: [[], Make.turn(1, deltas: 1)], after: position) { hub in
            hub.receive(Make.opening(3, after: 1), for: key)
        }
        #expect(told == ["1-2", "3-0"])
    }

    @Test func aLookThatFailsEndsNoStream() async throws {
        let now = ContinuousClock.now
        let told = try await told(stored: [[], nil, Make.turn(1, deltas: 0)]) { hub in
            hub.receive(Make.opening(1, after: 0), for: key, now: now)
            hub.lookIntoSilence(now: now + .seconds(5))
            hub.lookIntoSilence(now: now + .seconds(15))
        }
        #expect(told == ["1-0", "1-1"])
    }

    @Test func whatIsStoredBeyondTheDeltasThatHaveComeFollowsBehindThem() async throws {
        let hub = StreamHub()
        hub.receive(Make.opening(1, after: 0), for: key)
        hub.receive(Make.event(1, 1, .delta), for: key)
        let stored = [Make.event(1, 0, .turnStarted), Make.event(1, 3, .toolRequest)]
        let told = try await told(stored: [stored], on: hub) { hub in
            hub.receive(Make.event(1, 2, .delta), for: key)
            hub.receive(Make.event(1, 3, .toolRequest), for: key)
            hub.receive(Make.event(1, 4, .delta), for: key)
        }
        #expect(told == ["1-0", "1-1", "1-2", "1-3", "1-4"])
    }

    @Test func theTurnThatBeginsIsLeftToItsStream() async throws {
        let stored = Make.turn(1, deltas: 0) + Make.turn(3, deltas: 1).filter { $0.kind != .delta }
        let told = try await told(stored: [[], stored]) { hub in
            hub.receive(Make.opening(1, after: 0), for: key)
            for event in Make.turn(3, deltas: 1) {
                hub.receive(event, for: key)
            }
            hub.expire(now: .now + StreamSequencer.patience)
        }
        #expect(told == ["1-0", "1-1", "3-0", "3-1", "3-2"], "it may be over by now, and its pieces would be lost")
    }

    @Test func aLookBackLeavesTheTurnThatRunsToItsStream() async throws {
        let now = ContinuousClock.now
        let stored = [Make.event(1, 0, .turnStarted), Make.event(1, 2, .toolRequest)]
        let told = try await told(stored: [[], stored]) { hub in
            hub.receive(Make.opening(1, after: 0), for: key, now: now)
            hub.lookIntoSilence(now: now + .seconds(5))
            hub.receive(Make.event(1, 1, .delta), for: key, now: now)
            hub.receive(Make.event(1, 2, .toolRequest), for: key, now: now)
        }
        #expect(told == ["1-0", "1-1", "1-2"], "what is stored of it has holes: 1-1 would be lost")
    }
}
