import Glibc
import TestKit

/// A part of the benchmark, by the name that chooses it.
enum BenchmarkPart: String, CaseIterable {
    case accept, turns, validation, memory

    /// The parts that arguments choose; without any, all.
    /// - Throws: `UnknownBenchmark` for a name that no part has: a run that measures nothing must not look like one
    ///   that met every bar.
    static func chosen(by arguments: [String]) throws(UnknownBenchmark) -> Set<BenchmarkPart> {
        var chosen: Set<BenchmarkPart> = []
        for name in arguments {
            guard let part = BenchmarkPart(rawValue: name) else { throw UnknownBenchmark(name: name) }
            chosen.insert(part)
        }
        return chosen.isEmpty ? Set(allCases) : chosen
    }
}

/// An argument that names no part of the benchmark.
struct UnknownBenchmark: Error, CustomStringConvertible {
    let name: String

    var description: String {
        let known = BenchmarkPart.allCases.map(\.rawValue).joined(separator: ", ")
        return "there is no benchmark \"\(name)\"; known are: \(known)"
    }
}

/// `make bench`: what the platform does on this machine, each number beside one that was measured in the same run.
///
/// Arguments choose parts of it by the names of ``BenchmarkPart``.
@main
enum Benchmark {
    static func main() async {
        do {
            let chosen = try BenchmarkPart.chosen(by: Array(CommandLine.arguments.dropFirst()))
            var report = Report()
            if chosen.contains(.accept) { try await AcceptBenchmark.run(&report) }
            if chosen.contains(.turns) { try await TurnBenchmark.run(&report) }
            if chosen.contains(.validation) { try ValidationBenchmark.run(&report) }
            if chosen.contains(.memory) { try MemoryBenchmark.run(&report) }
            if chosen.contains(.memory) { try await MemoryServiceBenchmark.run(&report) }
            report.printSummary()
            exit(report.isAllMet ? 0 : 1)
        } catch {
            print("benchmark failed: \(error)")
            exit(2)
        }
    }
}

/// The lines of a report, and whether each bar was met.
struct Report {
    private var lines: [(name: String, value: String, bar: String, isMet: Bool)] = []

    /// Whether every bar was met.
    var isAllMet: Bool { lines.allSatisfy(\.isMet) }

    /// Notes a number and the bar it is held against.
    mutating func add(_ name: String, _ value: String, bar: String, isMet: Bool) {
        lines.append((name, value, bar, isMet))
        print("\(isMet ? "met  " : "SHORT") \(name): \(value) (bar: \(bar))")
    }

    /// Prints a line that is no number with a bar.
    func note(_ text: String) {
        print("      \(text)")
    }

    /// Prints all lines as a table for the README.
    func printSummary() {
        print("\n| what | measured | bar |\n|---|---|---|")
        for line in lines {
            print("| \(line.name) | \(line.value)\(line.isMet ? "" : " (short)") | \(line.bar) |")
        }
    }
}

extension Double {
    /// The number with so many digits behind the point.
    func rounded(to digits: Int) -> String {
        let factor = (0..<digits).reduce(1.0) { value, _ in value * 10 }
        let scaled = (self * factor).rounded() / factor
        return digits == 0 ? "\(Int(scaled))" : "\(scaled)"
    }
}
