import ServiceKit
import Testing

@Suite(.timeLimit(.minutes(1)))
struct ShutdownSignalTests {
    private let forever = Duration.seconds(3600)

    @Test func aSignalThatWasRaisedStopsAtOnce() async {
        let signal = ShutdownSignal()
        #expect(!signal.isRaised)
        signal.raise()
        signal.raise()
        #expect(signal.isRaised)
        #expect(await signal.wait(atMost: forever))
    }

    @Test func withoutASignalTheRestEnds() async {
        let signal = ShutdownSignal()
        #expect(await signal.wait(atMost: .zero) == false)
        #expect(await signal.wait(atMost: .milliseconds(1)) == false)
    }

    @Test func everybodyWhoWaitsIsWoken() async {
        let signal = ShutdownSignal()
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<100 {
                group.addTask { await signal.wait(atMost: forever) }
            }
            group.addTask {
                signal.raise()
                return true
            }
            for await isStopped in group {
                #expect(isStopped)
            }
        }
    }

    @Test func aCancelledTaskStopsAndTheSignalStaysDown() async {
        let signal = ShutdownSignal()
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<100 {
                group.addTask { await signal.wait(atMost: forever) }
            }
            group.cancelAll()
            group.addTask { await signal.wait(atMost: forever) }
            for await isStopped in group {
                #expect(isStopped)
            }
        }
        #expect(!signal.isRaised)
    }
}
