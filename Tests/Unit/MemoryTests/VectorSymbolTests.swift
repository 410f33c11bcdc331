import Memory
import Testing

/// The symbols of vectors against `hashlib.sha1(str(numpy.array(v)).encode()).hexdigest()` of numpy 2.4.
struct VectorSymbolTests {
    /// The same rational numbers on every machine: n of them, from −7 to 7.
    private static func wide(_ count: Int) -> [Double] {
        (0..<count).map { Double($0 * 37 % 101 - 50) / 7 + 0.125 }
    }

    @Test(arguments: [
        ([1, -2.5, 0], "b96cf29571e3766753a9661c6a9cb25734a37072"),
        ([0], "10d6f4dff9b4b3afb167d5f556a5f10f069639de"),
        ([-0.0, 1.5], "07f2b1036c1e88abe299dc086b0d08185c631ce7"),
        ([0.1, 0.2, 0.30000000000000004], "e09ff768f2b2a0f5d5e78932dc977709e8c35f57"),
        ([99_999_999.1], "5b9d825c642c582fcee8b17a8873689a7458cecb"),
        ([1e8], "2a64fcdb2c8f4714b3698a240bb7f0e702ef7cef"),
        ([1e-5, 1], "db4d58e9dcc12fc54db9cdf0d30e335dd650407e"),
        ([1e100, 1e-5], "572070d4e4fbeae0aa6486b8161ab489c8c908e0"),
        ([1, 1000], "f20bda8c96446ac7434569862e36fde3426ee075"),
        ([1, 1001], "51978ac884550ffe11c407b264fc940f883c2017"),
        ([123_456.789, -0.25, .leastNonzeroMagnitude], "6fd772db6cfa98e06326b2120e70210939617b1f"),
        (wide(40), "96ea59302d229185583ff9989a9b966cb269b987"),
        (wide(1000), "9fc24dbb9a1ebbd4c83afa28c6dc756193b6df84"),
        (wide(1001), "4b68834d77ac4c0aa1d07782ce6c865d0ea43126"),
        (wide(1536), "6fc979f31c5c4458354d81a940cf329758e46bec"),
    ])
    func symbolsAreThoseOfNumpy(vector: [Double], digits: String) {
        #expect(VectorSymbol.make(vector) == "VCTR|" + digits)
        #expect(VectorSymbol.isVector(VectorSymbol.make(vector)))
    }

    @Test func aSymbolHasItsMarkAndDigits() {
        #expect(!VectorSymbol.isVector("VCTR|x"))
    }

    /// numpy would shorten both to `[0. 0. 0. ... 0. 0. 0.]`; the first has the symbol of its whole text.
    @Test func longVectorsWithZerosAtTheirEndsAreToldApart() {
        var one = [Double](repeating: 0, count: 1200)
        var other = one
        one[600] = 1
        other[700] = 1
        #expect(VectorSymbol.make(one) == "VCTR|c3ce86bc1bf37d9def00749a9aa8769caab21eef")
        #expect(VectorSymbol.make(one) != VectorSymbol.make(other))
    }
}
