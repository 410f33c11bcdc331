import EventLoop
import Glibc
import Synchronization
import Testing

/// A pipe, which is all that the loop needs to be tried.
private struct Pipe: Sendable {
    let reader: Int32
    let writer: Int32

    init() {
        var descriptors: [Int32] = [-1, -1]
        _ = pipe(&descriptors)
        (reader, writer) = (descriptors[0], descriptors[1])
        for descriptor in descriptors { _ = fcntl(descriptor, F_SETFL, O_NONBLOCK) }
    }

    func put(_ count: Int = 1) {
        _ = Glibc.write(writer, [UInt8](repeating: 1, count: count), count)
    }

    func closeBoth() {
        Glibc.close(reader)
        Glibc.close(writer)
    }
}

/// Waits until `resume` is called on the loop; each call to `body` must end in exactly one.
private func onLoop<T: Sendable>(
    _ loop: EpollLoop,
    _ body: @escaping @Sendable (_ resume: @escaping @Sendable (T) -> Void) -> Void
) async -> T {
    await withCheckedContinuation { continuation in
        loop.execute { body { value in continuation.resume(returning: value) } }
    }
}

/// A value that only the loop's thread touches, which the compiler cannot see.
private final class LoopLocal<Value>: @unchecked Sendable {
    var value: Value

    init(_ value: Value) { self.value = value }
}

/// Values that several closures on the loop's thread write.
private final class Notes: Sendable {
    private let notes = Mutex<[String]>([])

    func add(_ note: String) { notes.withLock { $0.append(note) } }

    var all: [String] { notes.withLock { $0 } }
}

@Suite("EpollLoop", .timeLimit(.minutes(1)))
struct EventLoopTests {
    @Test("runs calls on its own thread, in order")
    func calls() async throws {
        let loop = try EpollLoop.start(name: "test-loop-with-a-long-name")
        defer { loop.stop() }
        #expect(!loop.isOnLoop)
        let notes = Notes()
        for index in 0..<100 { loop.execute { notes.add("\(index) \(loop.isOnLoop)") } }
        await onLoop(loop) { resume in resume(()) }
        #expect(notes.all == (0..<100).map { "\($0) true" })
    }

    @Test("runs tasks that prefer its executor on its thread")
    func executor() async throws {
        let loop = try EpollLoop.start(name: "test")
        defer { loop.stop() }
        // unstructured: the executor under test is what runs it.
        let task = Task(executorPreference: loop.executor) {
            let before = loop.isOnLoop
            await Task.yield()
            return before && loop.isOnLoop
        }
        #expect(await task.value)
    }

    @Test("tells edges: what was ready before, what becomes ready, and nothing after cancel")
    func edges() async throws {
        let loop = try EpollLoop.start(name: "test")
        defer { loop.stop() }
        let pipe = Pipe()
        defer { pipe.closeBoth() }
        pipe.put()
        let first: Bool = await onLoop(loop) { resume in
            let registration = LoopLocal<EpollLoop.Registration?>(nil)
            do {
                let made = try loop.register(pipe.reader) { readiness in
                    guard let mine = registration.value.take() else { return }
                    mine.cancel()
                    mine.cancel()
                    resume(readiness.isReadable && !readiness.isBroken)
                }
                registration.value = made
            } catch {
                resume(false)
            }
        }
        #expect(first)
        // The same descriptor again: the slot is used anew, and the byte that was not read is told again.
        let second: EpollLoop.Readiness? = await onLoop(loop) { resume in
            let isDone = Mutex(false)
            do {
                _ = try loop.register(pipe.reader) { readiness in
                    let isFirst = isDone.withLock { done in
                        defer { done = true }
                        return !done
                    }
                    if isFirst { resume(readiness) }
                }
            } catch {
                resume(nil)
            }
        }
        #expect(second?.isReadable == true)
    }

    @Test("an event that was told for a cancelled registration does not reach its handler")
    func staleEvents() async throws {
        let loop = try EpollLoop.start(name: "test")
        defer { loop.stop() }
        let pipes = [Pipe(), Pipe()]
        defer { for pipe in pipes { pipe.closeBoth() } }
        let notes = Notes()
        // Both are ready in the same round; whichever handler comes first cancels the other and takes its slot.
        let outcome: [String] = await onLoop(loop) { resume in
            for pipe in pipes { pipe.put() }
            let registrations = LoopLocal<[EpollLoop.Registration]>([])
            for index in pipes.indices {
                let made = try? loop.register(pipes[index].reader) { _ in
                    notes.add("called")
                    for registration in registrations.value { registration.cancel() }
                }
                if let made { registrations.value.append(made) }
            }
            loop.after(.milliseconds(20)) { resume(notes.all) }
        }
        #expect(outcome == ["called"])
    }

    @Test("tells that the peer has gone")
    func hangUp() async throws {
        let loop = try EpollLoop.start(name: "test")
        defer { loop.stop() }
        var pair: [Int32] = [-1, -1]
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
        let (mine, peer) = (pair[0], pair[1])
        defer { Glibc.close(mine) }
        let readiness: EpollLoop.Readiness? = await onLoop(loop) { resume in
            let isDone = Mutex(false)
            let registration = try? loop.register(mine) { readiness in
                guard readiness.isHalfClosed else { return }
                let isFirst = isDone.withLock { done in
                    defer { done = true }
                    return !done
                }
                if isFirst { resume(readiness) }
            }
            if registration == nil { resume(nil) }
            Glibc.close(peer)
        }
        #expect(readiness?.isReadable == true)
    }

    @Test("refuses a descriptor that cannot be watched")
    func refusal() async throws {
        let loop = try EpollLoop.start(name: "test")
        defer { loop.stop() }
        let error = await onLoop(loop) { (resume: @escaping @Sendable (EventLoopError?) -> Void) in
            do {
                _ = try loop.register(-1) { _ in }
                resume(nil)
            } catch {
                resume(error as? EventLoopError)
            }
        }
        #expect(error?.code == .registration)
        #expect(error?.isRetriable == false)
        #expect(error?.description.contains("Bad file descriptor") == true)
    }

    @Test("calls timers at their time, again and again or once, until they are cancelled")
    func timers() async throws {
        let loop = try EpollLoop.start(name: "test")
        defer { loop.stop() }
        let started = ContinuousClock.now
        let notes = Notes()
        let ticks: [String] = await onLoop(loop) { resume in
            let ticker = loop.every(.milliseconds(5)) { notes.add("tick") }
            let never = loop.after(.milliseconds(10)) { notes.add("cancelled") }
            loop.cancelTimer(never)
            loop.after(.milliseconds(40)) {
                loop.cancelTimer(ticker)
                loop.after(.milliseconds(20)) { resume(notes.all) }
            }
        }
        #expect(started.duration(to: .now) >= .milliseconds(60))
        #expect(!ticks.isEmpty && ticks.count <= 8)
        #expect(ticks.allSatisfy { $0 == "tick" })
    }

    @Test("calls the hook after the work of each round")
    func hook() async throws {
        let loop = try EpollLoop.start(name: "test")
        defer { loop.stop() }
        let notes = Notes()
        await onLoop(loop) { resume in
            loop.afterEachRound { notes.add("hook") }
            notes.add("work")
            loop.execute {
                notes.add("more work")
                resume(())
            }
        }
        #expect(Array(notes.all.prefix(3)) == ["work", "hook", "more work"])
    }

    @Test("sleeps without work: no round goes by")
    func sleeps() async throws {
        let loop = try EpollLoop.start(name: "test")
        defer { loop.stop() }
        let rounds = Mutex(0)
        await onLoop(loop) { resume in
            loop.afterEachRound { rounds.withLock { $0 += 1 } }
            loop.after(.milliseconds(50)) { resume(()) }
        }
        // One round for the call and one for the timer, and one for chance.
        #expect(rounds.withLock { $0 } <= 3)
    }

    @Test("after stop no call is taken, and tasks go on elsewhere")
    func stopped() async throws {
        let loop = try EpollLoop.start(name: "test")
        let notes = Notes()
        loop.execute { notes.add("before") }
        loop.stop()
        while loop.execute({}) { await Task.yield() }
        #expect(notes.all == ["before"])
        // unstructured: the executor under test is what runs it.
        let task = Task(executorPreference: loop.executor) { loop.isOnLoop }
        #expect(await task.value == false)
    }
}
