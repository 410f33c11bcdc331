import Foundation

extension SeededRandom {
    /// The seed of this run of the fuzz tests: the variable `SEED`, a number below 2^64; 20260131 without one.
    ///
    /// `SEED=17 swift test --filter FuzzTests` repeats a run whose tests said that their seed is 17.
    package static let seed: UInt64 = {
        guard let text = ProcessInfo.processInfo.environment["SEED"] else { return 20_260_131 }
        guard let seed = UInt64(text) else {
            preconditionFailure("SEED=\(text) is not a number from 0 to 2^64 - 1: correct or unset it")
        }
        return seed
    }()
}
