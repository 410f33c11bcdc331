import Foundation
import Observability
import Testing

@Suite struct LoggerTests {
    private let sink = MemorySink()

    private func object(_ line: String) throws -> [String: Any] {
        try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }

    private func firstObject() throws -> [String: Any] {
        let line = try #require(sink.lines.first)
        return try object(line)
    }

    @Test func writesOneJSONObjectWithFieldsAndTypes() throws {
        Logger(service: "gateway", sink: sink).info(
            "request finished",
            [.sessionID: "s-1", .count: 3, .durationMilliseconds: .double(1.5), LogKey("is_cached"): true]
        )
        let line = try firstObject()
        #expect(sink.lines.count == 1)
        #expect(line["level"] as? String == "info")
        #expect(line["service"] as? String == "gateway")
        #expect(line["message"] as? String == "request finished")
        #expect(line["session_id"] as? String == "s-1")
        #expect(line["count"] as? Int == 3)
        #expect(line["duration_ms"] as? Double == 1.5)
        #expect(line["is_cached"] as? Bool == true)
        let time = try #require(line["ts"] as? String)
        #expect(time.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z/) != nil)
    }

    @Test func levelsBelowAreNeitherWrittenNorComputed() {
        let logger = Logger(service: "x", level: .warning, sink: sink)
        var computed = 0
        func fields() -> LogMetadata {
            computed += 1
            return [:]
        }
        logger.info("no", fields())
        #expect(computed == 0)
        logger.warning("yes", fields())
        logger.critical("yes", fields())
        #expect(computed == 2)
        #expect(sink.lines.count == 2)
    }

    @Test func boundFieldsStandInEachLineAndTheCallsOwnWin() throws {
        let logger = Logger(service: "x", sink: sink).with([.topic: "a", .partition: 1]).with([.partition: 2])
        logger.info("m", [.topic: "b"])
        let text = try #require(sink.lines.first)
        let line = try object(text)
        #expect(line["topic"] as? String == "b")
        #expect(line["partition"] as? Int == 2)
        #expect(text.components(separatedBy: "\"topic\"").count == 2)
    }

    @Test func valuesCannotForgeALine() throws {
        let hostile = "a\"}\n{\"level\":\"critical\u{1B}[31m\u{2028}\\"
        Logger(service: "x", sink: sink).info("m", [.reason: .string(hostile)])
        let text = try #require(sink.lines.first)
        #expect(!text.contains("\n") && !text.contains("\u{1B}") && !text.contains("\u{2028}"))
        #expect(try object(text)["reason"] as? String == hostile)
    }

    @Test(arguments: [(1024, false), (1025, true)])
    func valuesAreCutPastTheLimit(length: Int, isCut: Bool) throws {
        let value = String(repeating: "v", count: length)
        Logger(service: "x", sink: sink).info("m", [.reason: .string(value)])
        let reason = try firstObject()["reason"] as? String
        #expect(reason == (isCut ? String(repeating: "v", count: 1024) + "…" : value))
    }

    @Test func linesStayUnderTheLimitAndSayThatTheyWereCut() throws {
        let long = LogValue.string(String(repeating: "\u{1}", count: 1024))
        Logger(service: "x", sink: sink).info("m", [.reason: long, .error: "kept"])
        let text = try #require(sink.lines.first)
        #expect(text.utf8.count < Logger.lineBytesMax)
        let line = try object(text)
        #expect(line["truncated"] as? Bool == true)
        #expect(line["reason"] == nil)
        #expect(line["error"] as? String == "kept")
    }

    @Test func carriesTheTaskTraceAndABoundOneBeforeIt() throws {
        let current = TraceContext.generate()
        let bound = TraceContext.generate()
        let logger = Logger(service: "x", sink: sink)
        TraceContext.$current.withValue(current) {
            logger.info("m")
            logger.with(trace: bound).info("m")
        }
        logger.info("m")
        let lines = try sink.lines.map(object)
        #expect(lines[0]["trace_id"] as? String == current.traceIDHex)
        #expect(lines[0]["span_id"] as? String == current.spanIDHex)
        #expect(lines[1]["trace_id"] as? String == bound.traceIDHex)
        #expect(lines[2]["trace_id"] == nil)
    }

    @Test func numbersThatJSONCannotSayAreNull() throws {
        Logger(service: "x", sink: sink).info("m", [.count: .double(.nan), .offset: .integer(UInt64.max)])
        let line = try firstObject()
        #expect(line["count"] is NSNull)
        #expect(line["offset"] as? Int64 == Int64.max)
    }

    @Test func descriptorSinkWritesWholeLinesFromManyThreads() async throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        let (readEnd, writeEnd) = (ends[0], ends[1])
        let logger = Logger(service: "x", sink: FileDescriptorSink(descriptor: writeEnd))
        let reader = FileHandle(fileDescriptor: readEnd, closeOnDealloc: true)
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<4 {
                group.addTask {
                    for index in 0..<25 {
                        let pad = LogValue.string(String(repeating: "p", count: 300))
                        logger.info("m", [.count: .integer(worker * 25 + index), .reason: pad])
                    }
                }
            }
        }
        close(writeEnd)
        let text = try #require(String(data: reader.readDataToEndOfFile(), encoding: .utf8))
        let counts = try text.split(separator: "\n").map { try object(String($0))["count"] as? Int }
        #expect(Set(counts) == Set(0..<100))
    }

    @Test func aSinkThatCannotWriteCountsWhatItDropped() {
        let sink = FileDescriptorSink(descriptor: -1)
        Logger(service: "x", sink: sink).info("m")
        #expect(sink.droppedCount == 1)
    }

    @Test func levelNamesRoundTrip() {
        for level in LogLevel.allCases {
            #expect(LogLevel(name: level.name) == level)
        }
        #expect(LogLevel(name: "INFO") == nil)
    }

    @Test(arguments: [
        (0, 0, "1970-01-01T00:00:00.000000Z"),
        (951_827_696, 7, "2000-02-29T12:34:56.000007Z"),
        (1_767_225_599, 999_999, "2025-12-31T23:59:59.999999Z"),
        (4_107_542_400, 0, "2100-03-01T00:00:00.000000Z"),
    ])
    func writesTimes(seconds: Int64, microseconds: Int64, text: String) {
        #expect(WallClock(seconds: seconds, microseconds: microseconds).iso8601 == text)
    }
}
