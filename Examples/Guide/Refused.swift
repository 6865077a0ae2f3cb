import MTLSClient

/// Shows a certificate that the server refuses, and tells what went wrong.
func refused(_ url: String) async throws {
    do {
        try await withClient(
            url, identity: .pem(certificate: "pki/late.pem", key: "pki/late-key.pem"), trust: .pem("pki/ca.pem")
        ) { client in
            _ = try await client.get("/")
        }
    } catch let error as MTLSError {
        switch error.code {
        case .clientCertificateRejected, .clientCertificateRequired: print("the server refused the certificate")
        case .identityExpired, .identityNotYetValid: print("the certificate is not valid today")
        case .pinIncorrect, .pinLocked: print("the PIN is wrong; it is not tried again")
        case let code: print("\(code) in the phase \(error.phase), to be mended by the \(error.fault)")
        }
        print(error.message)
        print(error.advice ?? "")
    }
}
