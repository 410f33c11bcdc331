import Errors
import Observability
import Testing

@Suite struct ErrorTextTests {
    private static let secret = "hunter2-of-the-user"

    private struct Unknown: Error {
        var text = secret
    }

    /// An error of somebody else's, whose description nobody has promised anything about.
    private struct Talkative: Error, CustomStringConvertible, CustomDebugStringConvertible {
        var description: String { secret }
        var debugDescription: String { secret }
    }

    private final class Shared: Error {
        let text = secret
    }

    private enum Kind: Error {
        case plain
        case holding(String)
        case named(text: String, code: Int)
    }

    private enum TalkativeKind: Error, CustomStringConvertible {
        case plain
        var description: String { secret }
    }

    private enum Mirrored: Error, CustomReflectable {
        case plain
        var customMirror: Mirror { Mirror(self, children: [secret: 1], displayStyle: .enum) }
    }

    private struct Known: DescribedError {
        let description = "the disk is full"
        let detail = secret
    }

    @Test func whatAnUnknownErrorHoldsIsNotWritten() {
        let errors: [any Error] = [
            Unknown(), Talkative(), Shared(), Kind.holding(Self.secret), Kind.named(text: Self.secret, code: 1),
            TalkativeKind.plain, Mirrored.plain, Known(),
        ]
        for error in errors {
            let sink = MemorySink()
            Logger(service: "x", sink: sink).error("it failed", [.error: .error(error)])
            let line = sink.lines.joined()
            #expect(line.contains("it failed") && !line.contains(Self.secret), "\(line)")
        }
    }

    @Test func whatCanBeSaidIsSaid() {
        #expect(Known().loggable == "the disk is full")
        #expect(Unknown().loggable == "Unknown")
        #expect(CancellationError().loggable == "CancellationError")
        #expect(Kind.plain.loggable == "Kind.plain")
        #expect(Kind.holding("").loggable == "Kind.holding")
        #expect(Kind.named(text: "", code: 1).loggable == "Kind.named")
        #expect(TalkativeKind.plain.loggable == "TalkativeKind")
        // The same when nothing is known of the type.
        let erased: any Error = Known()
        #expect(erased.loggable == "the disk is full")
        #expect(LogValue.error(Kind.plain) == .string("Kind.plain"))
    }
}
