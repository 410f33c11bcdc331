import Glibc

/// The Open Policy Agent engine as a C library (`libopabridge.so`), loaded when it is first needed, so that nothing
/// depends on it to build.
///
/// Its functions are thread-safe; handles are numbers.
final class OPALibrary: Sendable {
    private typealias Text = UnsafePointer<CChar>
    private typealias Answer = UnsafeMutableRawPointer
    private typealias Create = @convention(c) () -> UInt64
    private typealias Destroy = @convention(c) (UInt64) -> Void
    private typealias Free = @convention(c) (Answer?) -> Void
    private typealias Add = @convention(c) (UInt64, Text, Text) -> Answer?
    private typealias Evaluate = @convention(c) (UInt64, Text, Text, Int32, Int32) -> Answer?

    private let createFunction: Create
    private let destroyFunction: Destroy
    private let freeFunction: Free
    private let addPolicyFunction: Add
    private let addDataFunction: Add
    private let evaluateFunction: Evaluate

    /// Loads the library.
    ///
    /// It stays loaded until the process ends: it has a Go runtime inside, which cannot be unloaded.
    init(path: String) throws {
        guard let library = dlopen(path, RTLD_NOW | RTLD_LOCAL) else {
            let cause = dlerror().map { String(cString: $0) } ?? "no cause given"
            throw PolicyError(.libraryMissing, "\(path) cannot be loaded (\(cause)): run deploy/local/vendor.sh")
        }
        func symbol<Function>(_ name: String, as type: Function.Type) throws -> Function {
            guard let address = dlsym(library, name) else {
                throw PolicyError(.libraryMissing, "\(path) has no function \(name): it is not the expected version")
            }
            return unsafeBitCast(address, to: type)
        }
        createFunction = try symbol("OpaNew", as: Create.self)
        destroyFunction = try symbol("OpaDestroy", as: Destroy.self)
        freeFunction = try symbol("OpaFreeString", as: Free.self)
        addPolicyFunction = try symbol("OpaAddPolicy", as: Add.self)
        addDataFunction = try symbol("OpaAddData", as: Add.self)
        evaluateFunction = try symbol("OpaEvalDocument", as: Evaluate.self)
    }

    func create() -> UInt64 {
        createFunction()
    }

    func destroy(_ handle: UInt64) {
        destroyFunction(handle)
    }

    func addPolicy(_ handle: UInt64, name: String, source: String) -> [UInt8]? {
        take(addPolicyFunction(handle, name, source))
    }

    func addData(_ handle: UInt64, json: String) -> [UInt8]? {
        take(addDataFunction(handle, "", json))
    }

    func evaluate(_ handle: UInt64, path: String, input: String) -> [UInt8]? {
        take(evaluateFunction(handle, path, input, 0, 0))
    }

    /// Copies an answer and gives its memory back.
    private func take(_ answer: Answer?) -> [UInt8]? {
        guard let answer else { return nil }
        defer { freeFunction(answer) }
        return Array(UnsafeRawBufferPointer(start: answer, count: strlen(answer.assumingMemoryBound(to: CChar.self))))
    }
}
