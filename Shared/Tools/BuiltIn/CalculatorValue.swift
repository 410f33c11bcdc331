import JSON

#if canImport(Glibc)
import Glibc
#endif

/// Why an operation has no result.
struct CalculatorFailure: Error, Sendable, Equatable {
    let reason: String

    static let divisionByZero = CalculatorFailure(reason: "division by zero")
    static let overflow = CalculatorFailure(reason: "the result is too large")
    static func domain(_ function: String) -> CalculatorFailure {
        CalculatorFailure(reason: "\(function) is not defined for this value")
    }
}

/// A number that is exact while it is whole and fits 64 bits.
enum CalculatorValue: Sendable, Equatable {
    case whole(Int64)
    case real(Double)

    static let eulersNumber = 2.718_281_828_459_045

    var double: Double {
        switch self {
        case .whole(let value): Double(value)
        case .real(let value): value
        }
    }

    /// Whole doubles are written without a point, as far as doubles are exact.
    var number: JSONNumber {
        switch self {
        case .whole(let value): return .integer(value)
        case .real(let value):
            guard value.magnitude <= 9_007_199_254_740_992, let whole = Int64(exactly: value) else {
                return .double(value)
            }
            return .integer(whole)
        }
    }

    private static func checked(_ value: Double) throws(CalculatorFailure) -> CalculatorValue {
        guard value.isFinite else { throw .overflow }
        return .real(value)
    }

    var negated: CalculatorValue {
        switch self {
        case .whole(.min): .real(-Double(Int64.min))
        case .whole(let value): .whole(-value)
        // The literal 9223372036854775808 does not fit, its negative does.
        case .real(0x1p63): .whole(.min)
        case .real(let value): .real(-value)
        }
    }

    func adding(_ other: CalculatorValue) throws(CalculatorFailure) -> CalculatorValue {
        if case .whole(let left) = self, case .whole(let right) = other {
            let (sum, overflow) = left.addingReportingOverflow(right)
            if !overflow { return .whole(sum) }
        }
        return try Self.checked(double + other.double)
    }

    func subtracting(_ other: CalculatorValue) throws(CalculatorFailure) -> CalculatorValue {
        if case .whole(let left) = self, case .whole(let right) = other {
            let (difference, overflow) = left.subtractingReportingOverflow(right)
            if !overflow { return .whole(difference) }
        }
        return try Self.checked(double - other.double)
    }

    func multiplied(by other: CalculatorValue) throws(CalculatorFailure) -> CalculatorValue {
        if case .whole(let left) = self, case .whole(let right) = other {
            let (product, overflow) = left.multipliedReportingOverflow(by: right)
            if !overflow { return .whole(product) }
        }
        return try Self.checked(double * other.double)
    }

    func divided(by other: CalculatorValue) throws(CalculatorFailure) -> CalculatorValue {
        guard other.double != 0 else { throw .divisionByZero }
        if case .whole(let left) = self, case .whole(let right) = other {
            let (quotient, overflow) = left.dividedReportingOverflow(by: right)
            if !overflow, left % right == 0 { return .whole(quotient) }
        }
        return try Self.checked(double / other.double)
    }

    func remainder(by other: CalculatorValue) throws(CalculatorFailure) -> CalculatorValue {
        guard other.double != 0 else { throw .divisionByZero }
        if case .whole(let left) = self, case .whole(let right) = other {
            return .whole(left.remainderReportingOverflow(dividingBy: right).partialValue)
        }
        return try Self.checked(double.truncatingRemainder(dividingBy: other.double))
    }

    func raised(to exponent: CalculatorValue) throws(CalculatorFailure) -> CalculatorValue {
        guard double != 0 || exponent.double >= 0 else { throw .divisionByZero }
        if case .whole(let base) = self, case .whole(let times) = exponent, times >= 0,
            let power = Self.power(base, times)
        {
            return .whole(power)
        }
        let result = pow(double, exponent.double)
        guard !result.isNaN else { throw .domain("a power with a fractional exponent") }
        return try Self.checked(result)
    }

    /// Nil when the power does not fit 64 bits.
    private static func power(_ base: Int64, _ exponent: Int64) -> Int64? {
        var result: Int64 = 1
        var square = base
        var rest = exponent
        while true {
            if rest & 1 == 1 {
                let (product, overflow) = result.multipliedReportingOverflow(by: square)
                if overflow { return nil }
                result = product
            }
            rest >>= 1
            guard rest > 0 else { return result }
            let (next, overflow) = square.multipliedReportingOverflow(by: square)
            if overflow { return nil }
            square = next
        }
    }

    static func < (left: CalculatorValue, right: CalculatorValue) -> Bool {
        if case .whole(let left) = left, case .whole(let right) = right { return left < right }
        return left.double < right.double
    }
}

/// The functions by name.
enum CalculatorFunction: String, Sendable, CaseIterable {
    case sqrt
    case abs
    case round
    case floor
    case ceil
    case min
    case max
    case log
    case ln
    case exp
    case sin
    case cos
    case tan

    private var argumentCounts: ClosedRange<Int> {
        switch self {
        case .min, .max: 1...100
        case .log, .round: 1...2
        default: 1...1
        }
    }

    func apply(_ arguments: [CalculatorValue]) throws(CalculatorFailure) -> CalculatorValue {
        guard argumentCounts.contains(arguments.count) else {
            throw CalculatorFailure(reason: "wrong number of arguments for \(rawValue)")
        }
        let first = arguments[0]
        switch self {
        case .min: return arguments.reduce(first) { $1 < $0 ? $1 : $0 }
        case .max: return arguments.reduce(first) { $0 < $1 ? $1 : $0 }
        case .abs: return first < .whole(0) ? first.negated : first
        case .round: return try rounded(first, arguments.count == 2 ? arguments[1] : nil)
        case .floor: return whole(first, .down)
        case .ceil: return whole(first, .up)
        case .sqrt: return try root(first)
        case .log: return try logarithm(first, arguments.count == 2 ? arguments[1] : nil)
        case .ln: return .real(try positive(first, Glibc.log))
        case .exp: return try finite(Glibc.exp(first.double))
        case .sin: return .real(Glibc.sin(first.double))
        case .cos: return .real(Glibc.cos(first.double))
        case .tan: return .real(Glibc.tan(first.double))
        }
    }

    private func finite(_ value: Double) throws(CalculatorFailure) -> CalculatorValue {
        guard value.isFinite else { throw .overflow }
        return .real(value)
    }

    private func positive(_ value: CalculatorValue, _ function: (Double) -> Double) throws(CalculatorFailure) -> Double
    {
        guard value.double > 0 else { throw .domain(rawValue) }
        return function(value.double)
    }

    private func root(_ value: CalculatorValue) throws(CalculatorFailure) -> CalculatorValue {
        guard value.double >= 0 else { throw .domain(rawValue) }
        return .real(value.double.squareRoot())
    }

    private func whole(_ value: CalculatorValue, _ rule: FloatingPointRoundingRule) -> CalculatorValue {
        guard case .real(let double) = value else { return value }
        return .real(double.rounded(rule))
    }

    /// Half away from zero; with a second argument to so many decimals.
    private func rounded(
        _ value: CalculatorValue,
        _ decimals: CalculatorValue?
    ) throws(CalculatorFailure) -> CalculatorValue {
        guard let decimals else { return whole(value, .toNearestOrAwayFromZero) }
        guard case .whole(let places) = decimals, (0...15).contains(places) else {
            throw CalculatorFailure(reason: "round takes 0 to 15 decimals")
        }
        guard case .real(let double) = value else { return value }
        let scale = pow(10, Double(places))
        let scaled = (double * scale).rounded(.toNearestOrAwayFromZero)
        // A number that is too large to scale has no decimals to round.
        return .real(scaled.isFinite ? scaled / scale : double)
    }

    private func logarithm(
        _ value: CalculatorValue,
        _ base: CalculatorValue?
    ) throws(CalculatorFailure) -> CalculatorValue {
        guard let base else { return .real(try positive(value, log10)) }
        guard base.double > 0, base.double != 1 else { throw .domain("log with this base") }
        if base.double == 2 { return .real(try positive(value, log2)) }
        if base.double == 10 { return .real(try positive(value, log10)) }
        return try finite(try positive(value, Glibc.log) / Glibc.log(base.double))
    }
}
