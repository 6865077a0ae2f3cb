public import MTLSClient
import NIOCore
import NIOPosix

/// A private key that another process keeps, and signs with over a Unix socket.
///
/// The protocol is as small as can be. The client sends the scheme's number (two bytes, RFC 8446 §4.2.3), the length of
/// what is to be signed (four bytes) and that itself; the signer answers with the length of the signature (four bytes)
/// and the signature, in the form that TLS carries. A length of zero is a refusal. Numbers are in network order.
public struct UnixSocketKey: SigningKey {
    /// Of the certificate.
    public let publicKey: PublicKey
    /// Those that the signer can sign by.
    public let schemes: [SignatureScheme]
    private let path: String

    /// - Parameters:
    ///   - path: The socket that the signer listens on.
    ///   - certificate: The certificate of its key.
    ///   - schemes: Those that the signer can sign by.
    public init(path: String, certificate: Certificate, schemes: [SignatureScheme]) {
        self.path = path
        self.schemes = schemes
        publicKey = certificate.publicKey
    }

    /// Asks the signer, over a connection of its own.
    public func sign(_ input: KeyInput, scheme: SignatureScheme) async throws -> [UInt8] {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(unixDomainSocketPath: path) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            var question = ByteBuffer()
            question.writeInteger(scheme.rawValue)
            question.writeInteger(UInt32(input.bytes.count))
            question.writeBytes(input.bytes)
            try await outbound.write(question)

            var answer = ByteBuffer()
            for try await piece in inbound {
                answer.writeImmutableBuffer(piece)
                if let signature = answer.readLengthPrefixedBytes() { return signature }
            }
            throw SignerFailure(description: "the signer at \(path) closed the connection without an answer")
        }
    }
}

/// Why the signer did not sign.
public struct SignerFailure: Error, CustomStringConvertible {
    /// For people.
    public let description: String
}

extension ByteBuffer {
    /// The bytes behind a length of four bytes, once all are there.
    fileprivate mutating func readLengthPrefixedBytes() -> [UInt8]? {
        guard let length: UInt32 = getInteger(at: readerIndex), readableBytes >= 4 + Int(length) else { return nil }
        moveReaderIndex(forwardBy: 4)
        return readBytes(length: Int(length))
    }
}
