import Observability
import Testing

@Suite struct TraceContextTests {
    private let example = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test func readsAndWritesTheStandardsExample() throws {
        let context = try #require(TraceContext(traceparent: example))
        #expect(context.traceIDHex == "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(context.spanIDHex == "00f067aa0ba902b7")
        #expect(context.isSampled)
        #expect(context.traceparent == example)
    }

    @Test func readsLaterVersionsWithMoreFields() throws {
        let later = "cc" + example.dropFirst(2) + "-what-comes"
        #expect(TraceContext(traceparent: later)?.traceIDHex == "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(TraceContext(traceparent: "cc" + example.dropFirst(2)) != nil)
    }

    @Test(arguments: [
        "", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
        "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
        "00-4bf92f3577b34da6a3ce929d0e0e473é-00f067aa0ba902b7-01",
    ])
    func refusesWhatIsNotValid(text: String) {
        #expect(TraceContext(traceparent: text) == nil)
    }

    @Test func aChildStaysInTheTraceUnderANewSpan() {
        let parent = TraceContext.generate(isSampled: false)
        let child = parent.child()
        #expect(child.traceIDHex == parent.traceIDHex)
        #expect(child.spanID != parent.spanID)
        #expect(!child.isSampled)
        #expect(TraceContext(traceparent: child.traceparent) == child)
    }
}
