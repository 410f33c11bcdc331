import Glibc
import Synchronization

/// Random numbers of the kernel, fetched in blocks: every request needs several, and the call for 8 bytes costs nearly
/// as much as the one for 256.
///
/// For ids. Secrets are made from the system's generator itself, so that none lies about in memory.
package struct PooledRandomNumberGenerator: RandomNumberGenerator, Sendable {
    private struct Block {
        var numbers: [UInt64] = []
    }

    // 256 bytes, the most that getentropy(3) gives.
    private static let numbersPerBlock = 32
    private static let block = Mutex(Block())

    /// Makes a generator; all of them share one block.
    package init() {}

    /// The next number, evenly distributed.
    package mutating func next() -> UInt64 {
        Self.block.withLock { block in
            if let number = block.numbers.popLast() { return number }
            var system = SystemRandomNumberGenerator()
            return Self.fill(&block.numbers) ? block.numbers.removeLast() : system.next()
        }
    }

    private static func fill(_ numbers: inout [UInt64]) -> Bool {
        numbers = [UInt64](unsafeUninitializedCapacity: numbersPerBlock) { buffer, count in
            let isFilled = getentropy(buffer.baseAddress, numbersPerBlock * MemoryLayout<UInt64>.size) == 0
            count = isFilled ? numbersPerBlock : 0
        }
        return !numbers.isEmpty
    }
}
