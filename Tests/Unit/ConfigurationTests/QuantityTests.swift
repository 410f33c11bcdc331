import Testing

@testable import Configuration

@Suite struct QuantityTests {
    @Test(arguments: [
        ("0s", Duration.zero), ("250ms", .milliseconds(250)), ("90s", .seconds(90)), ("2m", .seconds(120)),
        ("3h", .seconds(10_800)), ("7d", .seconds(604_800)),
    ])
    func durationsRoundTrip(text: String, duration: Duration) {
        #expect(Quantity.duration(text) == duration)
        #expect(Quantity.text(duration) == text)
    }

    @Test(arguments: ["", "5", "s", "-1s", "1.5s", "5 s", "5S", "9223372036854775807d", "99999999999999999999s"])
    func refusesOtherDurations(text: String) {
        #expect(Quantity.duration(text) == nil)
    }

    @Test(arguments: [("0", 0), ("512", 512), ("64KiB", 65_536), ("10MiB", 10_485_760), ("1GiB", 1_073_741_824)])
    func sizesRoundTrip(text: String, bytes: Int) {
        #expect(Quantity.bytes(text) == bytes)
        #expect(Quantity.text(bytes) == text)
    }

    @Test func decimalUnitsAreRead() {
        #expect(Quantity.bytes("10MB") == 10_000_000)
        #expect(Quantity.bytes("7B") == 7)
    }

    @Test(arguments: ["", "KiB", "-1", "1.5KiB", "1 KiB", "1kib", "9223372036854775807KiB"])
    func refusesOtherSizes(text: String) {
        #expect(Quantity.bytes(text) == nil)
    }

    @Test(
        arguments: [
            ("http://host", "http", "host", nil, ""), ("HTTP://Host:80/", "http", "Host", 80, ""),
            ("redis://127.0.0.1:6379/0", "redis", "127.0.0.1", 6379, "/0"),
            ("https://[::1]:8/x/y", "https", "::1", 8, "/x/y"),
        ] as [(String, String, String, UInt16?, String)]
    )
    func readsURLs(text: String, scheme: String, host: String, port: UInt16?, path: String) throws {
        let url = try #require(ServiceURL(text))
        #expect(url.scheme == scheme && url.host == host && url.port == port && url.path == path)
        #expect(ServiceURL(url.description) == url)
    }

    @Test(arguments: [
        "", "host", "http:/host", "http://", "://host", "http://u:p@host", "http://host:0", "http://host:65536",
        "http://host:", "http://host?q", "http://host#f", "http://ho st", "http://[::1", "http://a:b:c", "1http://host",
        "http://hö", "http://[::1]x",
    ])
    func refusesOtherURLs(text: String) {
        #expect(ServiceURL(text) == nil)
    }

    @Test(arguments: [("", "", 0), ("a", "", 1), ("kitten", "sitting", 3), ("PORT", "PROT", 2)])
    func countsEdits(left: String, right: String, distance: Int) {
        #expect(Spelling.distance(left, right) == distance)
        #expect(Spelling.distance(right, left) == distance)
    }
}
