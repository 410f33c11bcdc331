import Testing

@testable import ServiceKit

struct OpenFilesTests {
    @Test func tooFewAreTold() {
        let needed = UInt64(10_000 + OpenFiles.reserve)
        #expect(OpenFiles.shortage(connectionsMax: 10_000, limit: needed) == nil)
        #expect(OpenFiles.shortage(connectionsMax: 10_000, limit: .max) == nil)
        #expect(OpenFiles.shortage(connectionsMax: 10_000, limit: needed - 1) == Int(needed - 1))
        #expect(OpenFiles.shortage(connectionsMax: 10_000, limit: 1_024) == 1_024)
    }
}
