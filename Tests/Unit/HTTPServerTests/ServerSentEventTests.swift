import HTTPServer
import Testing

struct ServerSentEventTests {
    private func text(_ event: ServerSentEvent) -> String {
        String(decoding: event.serialized(), as: UTF8.self)
    }

    @Test func fieldsComeInLines() {
        #expect(text(ServerSentEvent(data: "")) == "data: \n\n")
        #expect(
            text(ServerSentEvent(id: "7", event: "delta", data: #"{"a":1}"#, retry: .milliseconds(1_500)))
                == "id: 7\nevent: delta\nretry: 1500\ndata: {\"a\":1}\n\n"
        )
        #expect(text(ServerSentEvent(id: "", data: "x")) == "id: \ndata: x\n\n")
    }

    @Test func eachLineOfTheDataIsALine() {
        let data = "a\nb\r\nc\rd\r\re\n\r\n"
        let lines = ["a", "b", "c", "d", "", "e", "", ""]
        #expect(text(ServerSentEvent(data: data)) == lines.map { "data: \($0)\n" }.joined() + "\n")
    }

    @Test func noFieldCanBeginAnother() {
        #expect(text(ServerSentEvent(id: "1\ndata: x", event: "e\rid: y", data: "z")) == "id: 1\nevent: e\ndata: z\n\n")
        #expect(String(decoding: ServerSentEvent.comment("a\r\ndata: b"), as: UTF8.self) == ": a\n: data: b\n\n")
    }
}
