/// Whether TLS sessions are resumed (RFC 8446 §2.2, RFC 5077): a connection to a server that was met before then costs no
/// signature, and the server knows the client by the certificate that was shown in the full handshake.
///
/// Sessions are kept in locked memory, by one connector, for connections to the same host and port, by the same name,
/// settings and identities; when an identity is replaced they are wiped. The server's chain is judged anew, by the trust
/// policy of now, each time before a session is offered. Of several identities (``Identity/anyInToken(_:pin:module:sessions:keepingPIN:allowingModulePath:)``)
/// a resumed session has the one that the server's request selected in the full handshake.
///
/// To a server that has resumed a session of TLS 1.2 before, the next one is offered alone, without a key for TLS 1.3. If
/// it does not resume, it is shown nothing, and connected to once more with all versions on offer.
public struct ResumptionPolicy: Sendable, Hashable {
    let isOn: Bool
    let isCoalescing: Bool
    let maximumAge: Duration
    let outlivesToken: Bool

    /// Sessions are resumed. The default.
    ///
    /// - Parameters:
    ///   - coalescing: Whether connections that are started at once, and would each cost a signature of a token or a
    ///     ``SigningKey``, wait for the session of the first. A server that gives no sessions is waited for once.
    ///   - maximumAge: How long a session is kept, if its server does not give it less. Two hours: by then a server that
    ///     revoked the client's certificate is to see a signature again.
    ///   - outlivingToken: Whether sessions are kept when a token was found to be gone. Otherwise they are wiped then:
    ///     whoever pulls his token ends what it authenticated, as soon as the loss shows. A token is not asked whether it
    ///     is there when a session is resumed. After a PIN was refused they are wiped in any case.
    public static func on(
        coalescing: Bool = true, maximumAge: Duration = .seconds(7200), outlivingToken: Bool = false
    ) -> ResumptionPolicy {
        ResumptionPolicy(
            isOn: true, isCoalescing: coalescing, maximumAge: maximumAge, outlivesToken: outlivingToken)
    }

    /// Each connection makes a full handshake, and no ticket is asked for.
    public static var off: ResumptionPolicy {
        ResumptionPolicy(isOn: false, isCoalescing: false, maximumAge: .zero, outlivesToken: false)
    }
}
