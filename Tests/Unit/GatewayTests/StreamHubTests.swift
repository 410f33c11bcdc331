import Domain
import Testing

@testable import parley_gateway

struct StreamHubTests {
    private let key = SessionKey(tenantID: "default", sessionID: "s")

    private func hub(_ change: (inout StreamHub.Limits) -> Void = { _ in }) -> StreamHub {
        var limits = StreamHub.Limits()
        change(&limits)
        return StreamHub(limits: limits)
    }

    /// What is there for a follower whose stream has ended.
    private func positions(_ subscription: StreamHub.Subscription) async -> [String] {
        var positions: [String] = []
        for await signal in subscription.signals {
            switch signal {
            case .event(let event): positions.append(event.position.description)
            case .lookBack: positions.append("look back")
            }
        }
        return positions
    }

    @Test func everyFollowerOfTheSessionGetsTheEvents() async throws {
        let hub = hub()
        let first = try #require(hub.subscribe(to: key))
        let second = try #require(hub.subscribe(to: key))
        let otherTenant = try #require(hub.subscribe(to: SessionKey(tenantID: "other", sessionID: "s")))
        for event in Make.turn(1, deltas: 1) {
            hub.receive(event, for: key)
        }
        hub.close()
        #expect(await positions(first) == ["1-0", "1-1", "1-2"])
        #expect(await positions(second) == ["1-0", "1-1", "1-2"])
        #expect(await positions(otherTenant) == [])
    }

    @Test func whoComesInTheMiddleGetsWhatTheRunningTurnHasSaid() async throws {
        let hub = hub()
        let turn = Make.turn(1, deltas: 2)
        for event in turn.prefix(2) {
            hub.receive(event, for: key)
        }
        let late = try #require(hub.subscribe(to: key))
        #expect(late.running == Array(turn.prefix(2)))
        for event in turn.dropFirst(2) {
            hub.receive(event, for: key)
        }
        let later = try #require(hub.subscribe(to: key))
        #expect(later.running == [], "a turn that is over is read from the database")
        hub.close()
        #expect(await positions(late) == ["1-2", "1-3"])
    }

    @Test func aTurnThatBeginsAgainForgetsTheAttemptBefore() throws {
        let hub = hub()
        let second = StreamPosition.attemptStride
        for event in [
            Make.event(1, 0, .turnStarted), Make.event(1, 1, .delta), Make.event(1, second, .turnRestarted),
            Make.event(1, second + 1, .delta),
        ] {
            hub.receive(event, for: key)
        }
        let late = try #require(hub.subscribe(to: key))
        #expect(late.running.map(\.position.index) == [second, second + 1])
    }

    @Test func followersAtAndOverTheLimit() throws {
        let hub = hub { $0.followersMax = 2 }
        let first = try #require(hub.subscribe(to: key))
        let second = try #require(hub.subscribe(to: SessionKey(tenantID: "default", sessionID: "other")))
        #expect(hub.subscribe(to: key) == nil)
        #expect(hub.followerCount == 2)
        hub.unsubscribe(first, from: key)
        #expect(hub.subscribe(to: key) != nil)
        #expect(hub.subscribe(to: key) == nil)
        _ = second
    }

    @Test func aSlowFollowerIsCutOffAfterWhatFitsAndTheOthersAreNot() async throws {
        let hub = hub { $0.queuedEventsMax = 3 }
        let slow = try #require(hub.subscribe(to: key))
        let turn = Make.turn(1, deltas: 4)
        for event in turn.prefix(3) {
            hub.receive(event, for: key)
        }
        let quick = try #require(hub.subscribe(to: key))
        for event in turn.dropFirst(3) {
            hub.receive(event, for: key)
        }
        #expect(await positions(slow) == ["1-0", "1-1", "1-2"], "at the limit everything is there, then it ends")
        hub.close()
        #expect(await positions(quick) == ["1-3", "1-4", "1-5"])
    }

    @Test func whoWasCutOffMakesRoomForAnother() throws {
        let hub = hub {
            $0.queuedEventsMax = 1
            $0.followersMax = 1
        }
        let slow = try #require(hub.subscribe(to: key))
        for event in Make.turn(1, deltas: 1) {
            hub.receive(event, for: key)
        }
        hub.unsubscribe(slow, from: key)
        #expect(hub.followerCount == 0)
        #expect(hub.subscribe(to: key) != nil)
    }

    @Test func keptEventsAtAndOverTheLimit() throws {
        let hub = hub { $0.keptEventsMax = 3 }
        for event in Make.turn(1, deltas: 5).dropLast() {
            hub.receive(event, for: key)
        }
        #expect(try #require(hub.subscribe(to: key)).running.map(\.position.index) == [0, 1, 2])
    }

    @Test func whatIsHeldPassesWhenItsTimeIsOver() async throws {
        let hub = hub()
        let follower = try #require(hub.subscribe(to: key))
        let now = ContinuousClock.now
        hub.receive(Make.event(1, 0, .turnStarted), for: key, now: now)
        hub.receive(Make.event(1, 2, .message), for: key, now: now)
        hub.expire(now: now + StreamSequencer.patience - .milliseconds(1))
        #expect(try #require(hub.subscribe(to: key)).running.map(\.position.index) == [0])
        hub.expire(now: now + StreamSequencer.patience)
        hub.close()
        #expect(await positions(follower) == ["1-0", "1-2"])
    }

    @Test func whoFollowsASilentTurnIsSentToTheDatabaseLessAndLessOften() async throws {
        let hub = hub()
        let follower = try #require(hub.subscribe(to: key))
        let idle = SessionKey(tenantID: "default", sessionID: "idle")
        let idler = try #require(hub.subscribe(to: idle))
        let now = ContinuousClock.now
        for event in Make.turn(1, deltas: 0) {
            hub.receive(event, for: idle, now: now)
        }
        hub.receive(Make.event(1, 0, .turnStarted), for: key, now: now)
        // Looks at 5 s, 15 s, 35 s, 75 s, and every minute from then on.
        for second in 1...200 {
            hub.lookIntoSilence(now: now + .seconds(second))
        }
        hub.receive(Make.event(1, 1, .message), for: key, now: now + .seconds(200))
        hub.lookIntoSilence(now: now + .seconds(400))
        hub.close()
        #expect(await positions(follower) == ["1-0"] + Array(repeating: "look back", count: 6) + ["1-1"])
        #expect(await positions(idler) == ["1-0", "1-1"], "nothing is open, so nothing can be missing")
    }

    @Test func anEventEndsTheSilence() async throws {
        let hub = hub()
        let follower = try #require(hub.subscribe(to: key))
        let now = ContinuousClock.now
        hub.receive(Make.event(1, 0, .turnStarted), for: key, now: now)
        hub.receive(Make.event(1, 1, .delta), for: key, now: now + .milliseconds(4999))
        hub.lookIntoSilence(now: now + .milliseconds(9998))
        hub.lookIntoSilence(now: now + .milliseconds(9999))
        hub.close()
        #expect(await positions(follower) == ["1-0", "1-1", "look back"])
    }

    @Test func aClosedHubTakesNobody() async throws {
        let hub = hub()
        let follower = try #require(hub.subscribe(to: key))
        hub.close()
        #expect(await positions(follower) == [])
        #expect(hub.subscribe(to: key) == nil)
        hub.unsubscribe(follower, from: key)
        #expect(hub.followerCount == 0)
    }

    @Test func sessionsThatNobodyFollowsAreBounded() throws {
        let hub = hub {
            $0.idleSessionsMax = 3
            $0.followersMax = 2
        }
        let session = { (number: Int) in SessionKey(tenantID: "default", sessionID: "s\(number)") }
        let follower = try #require(hub.subscribe(to: session(0)))
        for number in 0...4 {
            hub.receive(Make.event(1, 0, .turnStarted), for: session(number))
            if number == 3 { hub.receive(Make.event(1, 1, .delta), for: session(1)) }
        }
        func running(_ number: Int) -> Int {
            guard let subscription = hub.subscribe(to: session(number)) else { return -1 }
            defer { hub.unsubscribe(subscription, from: session(number)) }
            return subscription.running.count
        }
        #expect((0...4).map(running) == [1, 2, 0, 1, 1], "the one that was quiet for the longest time goes")
        hub.unsubscribe(follower, from: session(0))
        #expect((0...4).map(running) == [1, 0, 0, 1, 1], "who leaves a session leaves it as one of those")
    }

    @Test(arguments: [(1, 2), (2, 3)])
    func manyThatAreSilentLookAFewAtATime(calls: Int, looks: Int) async throws {
        let hub = hub { $0.looksMax = 2 }
        let now = ContinuousClock.now
        let keys = (0..<3).map { SessionKey(tenantID: "default", sessionID: "s\($0)") }
        let followers = try keys.map { try #require(hub.subscribe(to: $0)) }
        for key in keys {
            hub.receive(Make.event(1, 0, .turnStarted), for: key, now: now)
        }
        for call in 0..<calls {
            hub.lookIntoSilence(now: now + .seconds(5 + call))
        }
        hub.close()
        var seen = 0
        for follower in followers {
            seen += await positions(follower).count { $0 == "look back" }
        }
        #expect(seen == looks)
    }

    @Test func whenTheBrokerHasLostEventsEveryFollowerLooksOnce() async throws {
        let hub = hub()
        let now = ContinuousClock.now
        let idle = try #require(hub.subscribe(to: key))
        let other = SessionKey(tenantID: "default", sessionID: "other")
        let busy = try #require(hub.subscribe(to: other))
        hub.receive(Make.event(1, 0, .turnStarted), for: other, now: now)
        hub.distrust(now: now)
        for second in 0...9 {
            hub.lookIntoSilence(now: now + .seconds(second))
        }
        hub.close()
        #expect(await positions(idle) == ["look back"])
        #expect(await positions(busy) == ["1-0", "look back"], "the next look at a silent turn comes later")
    }

    @Test func whoIsCutOffOverALookBackIsNotKeptTwice() async throws {
        let hub = hub { $0.queuedEventsMax = 1 }
        let slow = try #require(hub.subscribe(to: key))
        let now = ContinuousClock.now
        hub.receive(Make.event(1, 0, .turnStarted), for: key, now: now)
        hub.lookIntoSilence(now: now + .seconds(5))
        #expect(await positions(slow) == ["1-0"])
        hub.unsubscribe(slow, from: key)
        hub.receive(Make.event(1, 1, .message), for: key, now: now + .seconds(6))
        #expect(try #require(hub.subscribe(to: key)).running == [], "the turn is over")
    }

    @Test func silentSessionsThatNobodyFollowsAreForgottenInTime() throws {
        let hub = hub { $0.idleTimeMax = .seconds(120) }
        let followed = SessionKey(tenantID: "default", sessionID: "followed")
        let now = ContinuousClock.now
        let follower = try #require(hub.subscribe(to: followed))
        hub.receive(Make.event(1, 0, .turnStarted), for: followed, now: now)
        // A delta behind the end of its turn.
        hub.receive(Make.event(1, 7, .delta), for: key, now: now)
        hub.expire(now: now + StreamSequencer.patience)
        func running(_ key: SessionKey) throws -> Int {
            let subscription = try #require(hub.subscribe(to: key))
            defer { hub.unsubscribe(subscription, from: key) }
            return subscription.running.count
        }
        hub.lookIntoSilence(now: now + .milliseconds(119_999))
        #expect(try running(key) == 2)
        hub.lookIntoSilence(now: now + .seconds(120))
        #expect(try running(key) == 0)
        #expect(try running(followed) == 1)
        _ = follower
    }
}
