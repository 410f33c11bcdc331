import TestKit
import Testing

@testable import Postgres

@Suite("The pool's decisions")
struct PoolStateMachineTests {
    private let start = ContinuousClock.now

    private func machine(
        size: Int = 2,
        waitersMax: Int = 4,
        connectionsMin: Int = 0
    ) -> PoolStateMachine {
        var limits = PoolStateMachine.Limits()
        limits.size = size
        limits.waitersMax = waitersMax
        limits.connectionsMin = connectionsMin
        return PoolStateMachine(limits: limits)
    }

    @Test("grows on demand to its size and not beyond", arguments: [1, 50, 64])
    func size(size: Int) {
        var pool = machine(size: size, waitersMax: 1000)
        var opened: [UInt64] = []
        for waiter in 0..<500 {
            if case .queued(let opening?) = pool.lease(UInt64(waiter), now: start) { opened.append(opening) }
        }
        #expect(opened.count == size)
        #expect(pool.connectionCount == size)
        #expect(pool.waiterCount == 500)
        // Served in the order of arrival, whichever connection becomes free.
        for waiter in 0..<500 {
            #expect(pool.free(opened[waiter % size], now: start) == .serve(UInt64(waiter)))
        }
        for connection in opened { #expect(pool.free(connection, now: start) == .idle) }
        #expect(pool.idleCount == size)
    }

    @Test("the most recently used idle connection goes first")
    func warmFirst() {
        var pool = machine()
        #expect(pool.lease(1, now: start) == .queued(opening: 1))
        #expect(pool.lease(2, now: start) == .queued(opening: 2))
        #expect(pool.free(1, now: start) == .serve(1))
        #expect(pool.free(2, now: start) == .serve(2))
        #expect(pool.free(1, now: start) == .idle)
        #expect(pool.free(2, now: start) == .idle)
        #expect(pool.lease(3, now: start) == .leased(2))
        #expect(pool.lease(4, now: start) == .leased(1))
    }

    @Test("as many may wait as the limit says, one more is refused")
    func waitersMax() {
        var pool = machine(size: 1, waitersMax: 2)
        _ = pool.lease(1, now: start)
        #expect(pool.lease(2, now: start) == .queued(opening: nil))
        #expect(pool.lease(3, now: start) == .exhausted)
        #expect(pool.cancel(2) == true)
        #expect(pool.lease(4, now: start) == .queued(opening: nil))
    }

    @Test("waiters expire at the acquire timeout, not before")
    func acquireTimeout() {
        var pool = machine(size: 1)
        _ = pool.lease(1, now: start)
        _ = pool.lease(2, now: start + .seconds(1))
        #expect(pool.tick(now: start + .milliseconds(4999)).expired.isEmpty)
        #expect(pool.tick(now: start + .seconds(5)).expired == [1])
        #expect(pool.tick(now: start + .seconds(6)).expired == [2])
        #expect(pool.waiterCount == 0)
        #expect(pool.free(1, now: start + .seconds(7)) == .idle)
    }

    @Test("a cancelled waiter is skipped, and cannot be cancelled twice")
    func cancel() {
        var pool = machine(size: 1)
        for waiter in 1...3 { _ = pool.lease(UInt64(waiter), now: start) }
        #expect(pool.cancel(1) == true)
        #expect(pool.cancel(1) == false)
        #expect(pool.free(1, now: start) == .serve(2))
        #expect(pool.cancel(2) == false, "who has been served waits no more")
        #expect(pool.cancel(3) == true)
        #expect(pool.free(1, now: start) == .idle)
    }

    @Test("a broken connection is replaced when somebody waits")
    func broken() {
        var pool = machine(size: 1)
        _ = pool.lease(1, now: start)
        #expect(pool.free(1, now: start) == .serve(1))
        _ = pool.lease(2, now: start)
        #expect(pool.broken(1, now: start) == [2])
        #expect(pool.free(2, now: start) == .serve(2))
        #expect(pool.broken(2, now: start) == [], "nobody waits")
        #expect(pool.connectionCount == 0)
        #expect(pool.broken(2, now: start) == [], "it is known to be gone")
        #expect(pool.free(2, now: start) == .close)
    }

    @Test("after a failed attempt it pauses, tries with one connection, and opens all when that stands")
    func backoff() {
        var pool = machine(size: 8, waitersMax: 100)
        for waiter in 1...8 { _ = pool.lease(UInt64(waiter), now: start) }
        #expect(pool.connectionCount == 8)
        for connection in 1...8 { pool.connectFailed(UInt64(connection), now: start, random: 1) }
        #expect(pool.isFailing)
        #expect(pool.connectionCount == 0)
        // Eight failures: 50 ms doubled seven times is over the 2 s limit.
        #expect(pool.tick(now: start + .milliseconds(1999)).opening == [])
        #expect(pool.tick(now: start + .seconds(2)).opening == [9])
        #expect(pool.tick(now: start + .seconds(2)).opening == [])
        #expect(pool.lease(9, now: start + .seconds(2)) == .queued(opening: nil), "one attempt at a time")
        #expect(pool.free(9, now: start + .seconds(3)) == .serve(1))
        #expect(!pool.isFailing)
        #expect(pool.tick(now: start + .seconds(3)).opening.count == 7)
    }

    @Test("the pause doubles, ends at its limit, and is drawn from 0 up to it")
    func pauses() {
        var pool = machine(size: 1, connectionsMin: 1)
        var now = start
        for (attempt, pause) in [50, 100, 200, 400, 800, 1600, 2000, 2000].enumerated() {
            let opening = pool.tick(now: now).opening
            #expect(opening == [UInt64(attempt + 1)])
            pool.connectFailed(UInt64(attempt + 1), now: now, random: 1)
            #expect(pool.tick(now: now + .milliseconds(pause - 1)).opening == [])
            now += .milliseconds(pause)
        }
        _ = pool.tick(now: now)
        pool.connectFailed(9, now: now, random: 0.25)
        #expect(pool.tick(now: now + .milliseconds(499)).opening == [])
        #expect(pool.tick(now: now + .milliseconds(500)).opening == [10])
    }

    @Test("an idle connection is checked after the interval, and cannot be leased meanwhile")
    func healthCheck() {
        var pool = machine(size: 2)
        _ = pool.lease(1, now: start)
        _ = pool.free(1, now: start)
        #expect(pool.free(1, now: start) == .idle)
        #expect(pool.tick(now: start + .milliseconds(29_999)).checking == [])
        #expect(pool.tick(now: start + .seconds(30)).checking == [1])
        #expect(pool.lease(2, now: start + .seconds(30)) == .queued(opening: 2))
        #expect(pool.free(1, now: start + .seconds(30)) == .serve(2))
    }

    @Test("the minimum is kept open without demand")
    func minimum() {
        var pool = machine(size: 4, connectionsMin: 2)
        #expect(pool.tick(now: start).opening == [1, 2])
        _ = pool.free(1, now: start)
        _ = pool.free(2, now: start)
        #expect(pool.broken(1, now: start) == [3])
    }

    @Test("a closed pool refuses, and takes its connections back")
    func close() {
        var pool = machine(size: 2)
        _ = pool.lease(1, now: start)
        _ = pool.lease(2, now: start)
        _ = pool.lease(3, now: start)
        #expect(pool.free(1, now: start) == .serve(1))
        let (waiters, connections) = pool.close()
        #expect(waiters == [2, 3])
        #expect(connections == [2])
        #expect(pool.lease(4, now: start) == .closed)
        #expect(pool.free(1, now: start) == .close)
        #expect(pool.connectionCount == 0)
        #expect(pool.tick(now: start + .seconds(60)) == PoolStateMachine.Due())
    }

    @Test("random events never lose a waiter or exceed the size (seeded)", arguments: [11, 12, 13] as [UInt64])
    func random(seed: UInt64) {
        var generator = SeededRandom(seed: seed)
        var pool = machine(size: 5, waitersMax: 50)
        var connecting: Set<UInt64> = []
        var leased: Set<UInt64> = []
        var open: Set<UInt64> = []
        var waiting: Set<UInt64> = []
        var now = start
        var next: UInt64 = 0
        func took(_ result: PoolStateMachine.Next, _ connection: UInt64) {
            guard case .serve(let waiter) = result else { return }
            #expect(waiting.remove(waiter) != nil)
            leased.insert(connection)
        }
        for _ in 0..<5000 {
            now += .milliseconds(Int.random(in: 0..<100, using: &generator))
            switch Int.random(in: 0..<6, using: &generator) {
            case 0, 1:
                next += 1
                switch pool.lease(next, now: now) {
                case .leased(let connection): #expect(leased.insert(connection).inserted)
                case .queued(let opening):
                    waiting.insert(next)
                    if let opening { connecting.insert(opening) }
                case .exhausted: #expect(waiting.count == 50)
                case .closed: Issue.record("closed")
                }
            case 2:
                guard let connection = connecting.randomElement(using: &generator) else { continue }
                connecting.remove(connection)
                open.insert(connection)
                took(pool.free(connection, now: now), connection)
            case 3:
                guard let connection = leased.randomElement(using: &generator) else { continue }
                leased.remove(connection)
                took(pool.free(connection, now: now), connection)
            case 4:
                if Bool.random(using: &generator), let connection = connecting.randomElement(using: &generator) {
                    connecting.remove(connection)
                    pool.connectFailed(connection, now: now, random: 0.5)
                } else if let connection = leased.randomElement(using: &generator) {
                    leased.remove(connection)
                    connecting.formUnion(pool.broken(connection, now: now))
                }
            default:
                let due = pool.tick(now: now)
                waiting.subtract(due.expired)
                connecting.formUnion(due.opening)
                for connection in due.checking { took(pool.free(connection, now: now), connection) }
            }
            #expect(pool.connectionCount <= 5)
            #expect(pool.waiterCount == waiting.count)
        }
    }
}
