import Glibc
import Lifecycle
import Observability
import Synchronization
import Testing

/// Notes in order what happened.
private final class Journal: Sendable {
    private let notes = Mutex<[String]>([])
    func note(_ text: String) { notes.withLock { $0.append(text) } }
    var all: [String] { notes.withLock { $0 } }
}

private struct Failure: Error {}

/// A service that runs until it is shut down, and can be told to misbehave.
private final class FakeService: Service {
    enum Behaviour {
        case orderly
        case endsAtOnce
        case failsAtOnce
        case ignoresShutdown
        case ignoresEverything
    }

    let name: String
    private let behaviour: Behaviour
    private let journal: Journal
    private let stops: AsyncStream<Void>
    private let stop: AsyncStream<Void>.Continuation

    init(_ name: String, _ journal: Journal, _ behaviour: Behaviour = .orderly) {
        self.name = name
        self.journal = journal
        self.behaviour = behaviour
        (stops, stop) = AsyncStream.makeStream(of: Void.self)
    }

    func run() async throws {
        switch behaviour {
        case .endsAtOnce: break
        case .failsAtOnce: throw Failure()
        case .orderly, .ignoresShutdown:
            for await _ in stops {}
        case .ignoresEverything:
            await Task.detached { [stops] in for await _ in stops {} }.value
        }
        journal.note("\(name) ended")
    }

    func shutdown() async {
        journal.note("\(name) shut down")
        if behaviour == .orderly { stop.finish() }
    }

    func release() { stop.finish() }
}

@Suite(.timeLimit(.minutes(1))) struct ServiceGroupTests {
    private let journal = Journal()
    private let clock = ManualClock()
    private let signals: AsyncStream<Int32>
    private let signal: AsyncStream<Int32>.Continuation

    init() {
        (signals, signal) = AsyncStream.makeStream(of: Int32.self)
    }

    private func group(
        _ services: [FakeService],
        forceExit: @escaping @Sendable (ExitReason) -> Void = { _ in Issue.record("forced") }
    ) -> ServiceGroup {
        ServiceGroup(
            services: services,
            logger: .disabled,
            clock: clock,
            stopRequests: signals,
            forceExit: forceExit
        )
    }

    @Test func aSignalStopsServicesInReverseOrder() async {
        signal.yield(SIGTERM)
        let services = ["a", "b", "c"].map { FakeService($0, journal) }
        #expect(await group(services).run() == .clean)
        let wanted = ["c shut down", "c ended", "b shut down", "b ended", "a shut down", "a ended"]
        #expect(journal.all == wanted)
    }

    @Test(arguments: [FakeService.Behaviour.endsAtOnce, .failsAtOnce])
    private func aServiceThatEndsTakesTheOthersAlong(behaviour: FakeService.Behaviour) async {
        let services = [FakeService("a", journal), FakeService("b", journal, behaviour)]
        #expect(await group(services).run() == .serviceFailed)
        #expect(journal.all.filter { $0.hasPrefix("a") } == ["a shut down", "a ended"])
    }

    @Test func theDeadlineCancelsWhatDoesNotStop() async {
        signal.yield(SIGTERM)
        let services = [FakeService("a", journal), FakeService("b", journal, .ignoresShutdown)]
        async let status = group(services).run()
        await clock.untilSomebodySleeps(for: .seconds(20))
        clock.advance(by: .seconds(19))
        #expect(!journal.all.contains("b ended"))
        clock.advance(by: .seconds(1))
        #expect(await status == .clean)
        #expect(journal.all.contains("a ended") && journal.all.contains("b ended"))
    }

    @Test func aSecondSignalCancelsAtOnce() async {
        signal.yield(SIGTERM)
        signal.yield(SIGINT)
        let services = [FakeService("a", journal, .ignoresShutdown)]
        #expect(await group(services).run() == .interrupted)
    }

    @Test func whatIgnoresCancellationDoesNotKeepTheProcess() async {
        signal.yield(SIGTERM)
        signal.yield(SIGTERM)
        let service = FakeService("a", journal, .ignoresEverything)
        let forced = Mutex<ExitReason?>(nil)
        let group = group([service]) { status in
            forced.withLock { $0 = status }
            service.release()
        }
        async let status = group.run()
        await clock.untilSomebodySleeps(for: .seconds(4))
        clock.advance(by: .seconds(4))
        #expect(await status == .interrupted)
        #expect(forced.withLock { $0 } == .interrupted)
    }

    @Test func cancellingTheTaskStopsTheGroup() async {
        let services = [FakeService("a", journal), FakeService("b", journal)]
        let group = group(services)
        let status = await withTaskGroup(of: ExitReason.self) { tasks in
            tasks.addTask { await group.run() }
            tasks.cancelAll()
            return await tasks.next()
        }
        // Each run ends by itself then, and the first to do so was not asked yet.
        #expect(status != nil)
        #expect(Set(journal.all.filter { $0.hasSuffix("ended") }) == ["a ended", "b ended"])
    }

    @Test func realSignalsReachTheGroup() async {
        let sink = MemorySink()
        let group = ServiceGroup(
            services: [FakeService("a", journal)],
            logger: Logger(service: "test", sink: sink),
            forceExit: { _ in Issue.record("forced") }
        )
        kill(getpid(), SIGTERM)
        #expect(await group.run() == .clean)
        #expect(sink.lines.contains { $0.contains("stop requested") && $0.contains("\"code\":15") })
    }

    @Test func eachListenerGetsItsOwnSignalsOnly() async {
        let hangups = ProcessSignals.stream(of: [SIGHUP])
        let users = ProcessSignals.stream(of: [SIGUSR1, SIGHUP])
        kill(getpid(), SIGUSR1)
        kill(getpid(), SIGHUP)
        var firstHangups = hangups.makeAsyncIterator()
        var firstUsers = users.makeAsyncIterator()
        #expect(await firstHangups.next() == SIGHUP)
        #expect(Set([await firstUsers.next(), await firstUsers.next()]) == [SIGUSR1, SIGHUP])
    }
}
