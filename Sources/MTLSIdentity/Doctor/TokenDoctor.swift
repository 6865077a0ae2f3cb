import GnuTLS
import Glibc
import MTLSCore
import PKCS11

/// Examines an identity in a token before it is needed: whether everything is there, and works.
///
/// ```swift
/// let report = await TokenDoctor("pkcs11:token=prod;object=client", pin: .file("/run/pin")).examine()
/// for finding in report.findings where finding.severity != .ok { log(finding.message, finding.remedy) }
/// ```
public struct TokenDoctor: Sendable {
    private let text: String
    private let pin: SecretSource?
    private let certificate: String?
    private let module: String?

    /// From how long before its end a certificate is warned of. 30 days unless set.
    public var expiryWarning = Duration.seconds(30 * 86_400)
    /// How long the token may take for one answer, a person's touch included. A minute unless set.
    public var patience = Duration.seconds(60)
    /// Seconds since 1970 UTC.
    package var now = Int64(time(nil))

    /// Prepares an examination; the parameters mean what they mean to
    /// ``Identity/token(_:pin:certificate:module:sessions:keepingPIN:allowingModulePath:)``.
    ///
    /// - Parameters:
    ///   - uri: The key's or the certificate's URI.
    ///   - pin: Where the PIN comes from. Without it the URI's `pin-source` serves, if it has one.
    ///   - certificate: A file or a URI for the certificate, when it cannot be found in the token with the key.
    ///   - module: The PKCS#11 module's file.
    public init(_ uri: String, pin: SecretSource? = nil, certificate: String? = nil, module: String? = nil) {
        text = uri
        self.pin = pin
        self.certificate = certificate
        self.module = module
    }

    /// Finds module, token, certificate and key, logs in, and makes a test signature, which it verifies.
    ///
    /// It never throws: what keeps the identity from being had is a finding with ``IdentityReport/Severity/failure``.
    /// The PIN is asked for once, and a wrong one costs one of the token's tries: it is not sent again.
    public func examine() async -> IdentityReport {
        var report = IdentityReport()
        do {
            let uri = try PKCS11URI(text)
            let provider = RememberedPIN(try PINs(source: pin, uri: uri))
            let token = try await TokenAccess.search(uri, module: module)
            try await examine(token, uri, provider, &report)
        } catch {
            report.fail(error)
        }
        return report
    }

    private func examine(
        _ token: Token, _ uri: PKCS11URI, _ provider: RememberedPIN, _ report: inout IdentityReport
    ) async throws {
        report.describe(token)
        let info = try await answer(of: token) { () throws(PKCS11Error) in try token.currentInfo() }
        report.describePIN(of: token, info)
        let refusal = await logIn(to: token, info, provider, &report)
        // Whoever has not logged in now is not asked again.
        let pin: (any PINProvider)? = refusal == nil ? provider : nil
        let found = await credentials(uri, token, pin, &report)
        if let refusal, refusal.kind != .pinMissing { return }
        try await examineKey(token, uri, found, pin, refusal, &report)
    }

    /// - Returns: Why there is no login. Without a PIN there may be keys that need none: it is no finding yet.
    private func logIn(
        to token: Token, _ info: TokenInfo, _ provider: RememberedPIN, _ report: inout IdentityReport
    ) async -> PKCS11Error? {
        guard info.flags.isSuperset(of: [.loginRequired, .userPINInitialized]) else { return nil }
        do throws(PKCS11Error) {
            try await token.lane.run { () throws(PKCS11Error) in try token.logIn(pin: provider) }
            report.ok(.login, "logged in")
            return nil
        } catch {
            // A locked PIN has been told of.
            if error.kind != .pinMissing, !info.flags.contains(.userPINLocked) { report.fail(error) }
            return error
        }
    }

    private func credentials(
        _ uri: PKCS11URI, _ token: Token, _ pin: (any PINProvider)?, _ report: inout IdentityReport
    ) async -> (chain: [Certificate], key: TokenKey.Selector)? {
        do {
            let found = try await CertificateSearch.credentials(
                uri, certificate: certificate, token: token, pin: pin, module: module)
            guard let leaf = found.chain.first else { return nil }
            report.ok(
                .certificate,
                "certificate \"\(leaf.subject)\", issued by \"\(leaf.issuer)\", \(leaf.publicKey.forPeople)")
            let others = try await answer(of: token) { () throws(PKCS11Error) in try token.findCertificates(token.uri) }
            CertificateChecks(
                chain: found.chain, others: others.compactMap { try? Certificate(der: $0.der) }, now: now,
                soon: expiryWarning.components.seconds,
                renewal:
                    "renew it: `mtls keys request \(uri.shellQuoted) --subject …`, then `mtls keys import --replace`"
            ).run(&report)
            return found
        } catch {
            report.fail(error)
            return nil
        }
    }

    private func examineKey(
        _ token: Token, _ uri: PKCS11URI, _ found: (chain: [Certificate], key: TokenKey.Selector)?,
        _ pin: (any PINProvider)?, _ refusal: PKCS11Error?, _ report: inout IdentityReport
    ) async throws {
        let key = TokenKey(token, found?.key ?? .uri(uri), pin: pin)
        let info: KeyInfo
        do throws(PKCS11Error) {
            info = try await answer(of: token) { () throws(PKCS11Error) in try key.keyInfo() }
        } catch {
            throw refusal ?? error
        }
        let shown = info.publicKey.flatMap { try? PublicKey($0) }
        report.ok(.key, "key \"\(info.label)\"" + (shown.map { ", \($0.forPeople)" } ?? ""))
        KeyChecks(info: info, replacement: "make a key in the token: `mtls keys generate`, and have it certified")
            .custody(&report)

        let leaf = found?.chain.first?.publicKey
        if let leaf, let shown, leaf != shown {
            report.fail(
                .keyMismatch, "the key does not belong to the certificate",
                remedy: "name the certificate of this key, or store it: `mtls keys import \(uri.shellQuoted) CERT.pem`")
        } else if leaf != nil, shown != nil {
            report.ok(.keyMatch, "the key belongs to the certificate")
        }
        // The certificate's key verifies, where it is not known to be another's.
        guard let publicKey = shown ?? leaf else { return }
        let mechanisms = try await answer(of: token) { () throws(PKCS11Error) in try token.mechanisms() }
        let signer = TokenSigner(
            key: key, publicKey: publicKey, subject: found?.chain.first?.subject ?? "\(info.label)",
            mechanisms: Set(mechanisms.values.lazy.filter(\.canSign).map(\.type)))
        KeyChecks.mechanisms(signer, &report)
        let schemes = TestSignature.schemes(of: signer)
        for scheme in info.alwaysAuthenticates ? Array(schemes.prefix(1)) : schemes {
            do {
                let duration = try await answer(of: token) { () throws(PKCS11Error) in
                    Result { try TestSignature.make(signer, scheme) }
                }.get()
                report.ok(.signature, "test signature by \(scheme) in \(duration.milliseconds), verified")
            } catch {
                report.fail(error)
            }
        }
    }

    /// Asks the token on a thread of its lane, and gives it up when it does not answer in time.
    private func answer<Value: Sendable>(
        of token: Token, _ body: @escaping @Sendable () throws(PKCS11Error) -> Value
    ) async throws(PKCS11Error) -> Value {
        let (patience, label) = (patience, token.label)
        let first = await withTaskGroup(of: Result<Value, PKCS11Error>.self) { group in
            group.addTask { () -> Result<Value, PKCS11Error> in
                do throws(PKCS11Error) { return .success(try await token.lane.run(body)) } catch {
                    return .failure(error)
                }
            }
            group.addTask { () -> Result<Value, PKCS11Error> in
                try? await Task.sleep(for: patience)
                return .failure(
                    PKCS11Error(
                        .timedOut, "the token did not answer within \(patience.forPeople)",
                        advice: "touch it if it waits for that; else take it out and put it back", token: label))
            }
            defer { group.cancelAll() }
            return await group.next() ?? .failure(PKCS11Error(.cancelled, "the task was cancelled"))
        }
        return try first.get()
    }
}

extension Duration {
    /// With microseconds: `1.234 ms`.
    fileprivate var milliseconds: String {
        let microseconds = saturatedNanoseconds / 1000
        let fraction = "\(microseconds % 1000)"
        return "\(microseconds / 1000)." + String(repeating: "0", count: 3 - fraction.count) + fraction + " ms"
    }
}
