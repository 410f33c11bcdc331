import Glibc
import OpenSSL

/// TLS over a socket.
struct TLSTransport: Transport {
    let descriptor: Int32
    // A read gives one record, however many wait.
    let isEmptyAfterShortRead = false
    private let session: TLSSession

    /// Begins TLS on a socket; nil when memory has run out.
    init?(descriptor: Int32, context: TLSContext) {
        guard let session = TLSSession(descriptor: descriptor, context: context) else { return nil }
        self.descriptor = descriptor
        self.session = session
    }

    func read(into buffer: UnsafeMutableBufferPointer<UInt8>) -> TransportResult {
        result(session.read(into: buffer))
    }

    func write(_ bytes: UnsafeRawBufferPointer) -> TransportResult {
        result(session.write(bytes))
    }

    func closeSending() {
        session.closeSending()
        shutdown(descriptor, Int32(SHUT_WR))
    }

    func close() {
        _ = Glibc.close(descriptor)
    }

    private func result(_ outcome: TLSSession.Outcome) -> TransportResult {
        switch outcome {
        case .bytes(let count): .bytes(count)
        case .end: .end
        case .wouldBlock: .wouldBlock
        case .failed: .failed
        }
    }
}
