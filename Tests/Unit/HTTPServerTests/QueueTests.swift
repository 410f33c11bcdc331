import Testing

@testable import HTTPServer

struct ByteQueueTests {
    private func bytes(_ queue: ByteQueue) -> [UInt8] {
        queue.withUnsafeBytes { Array($0) }
    }

    @Test func whatComesFirstGoesFirst() {
        var queue = ByteQueue()
        #expect(queue.isEmpty)
        queue.append([1, 2, 3])
        queue.removeFirst(1)
        [4, 5].withUnsafeBufferPointer { queue.append($0) }
        #expect(bytes(queue) == [2, 3, 4, 5])
        #expect(queue.count == 4)
        queue.removeFirst(4)
        #expect(queue.isEmpty)
        #expect(queue.storedBytes == 0)
        queue.append([6])
        #expect(bytes(queue) == [6])
    }

    @Test func neverEmptiedItKeepsOnlyAboutTwiceWhatWaits() {
        var queue = ByteQueue()
        queue.append([UInt8](repeating: 0, count: 10_000))
        var most = 0
        for round in 0..<10_000 {
            queue.append([UInt8](repeating: UInt8(truncatingIfNeeded: round), count: 1_000))
            queue.removeFirst(1_000)
            most = max(most, queue.storedBytes)
        }
        #expect(queue.count == 10_000)
        #expect(bytes(queue).last == UInt8(truncatingIfNeeded: 9_999))
        // 64 KB that are not worth the copy, what waits, and what has just come.
        #expect(most <= (64 << 10) + 12_000)
    }
}

struct MessageQueueTests {
    @Test func whatComesFirstGoesFirst() {
        var queue = MessageQueue<Int>()
        #expect(queue.popFirst() == nil)
        var next = 0
        for round in 0..<1_000 {
            for offset in 0..<3 { queue.append(round * 3 + offset) }
            for _ in 0..<2 {
                #expect(queue.popFirst() == next)
                next += 1
            }
            #expect(queue.count == round + 1)
        }
        while let message = queue.popFirst() {
            #expect(message == next)
            next += 1
        }
        #expect(next == 3_000)
        #expect(queue.isEmpty)
    }
}
