import PKCS11
import Synchronization

/// Asks another provider once for each token, so that a command costs its user one question.
final class RememberedPIN: PINProvider {
    private let provider: any PINProvider
    private let vouches: Bool
    private let answers = Mutex<[[String]: PINAnswer]>([:])

    /// - Parameter vouches: Somebody stands by, wherever the PIN comes from.
    init(_ provider: any PINProvider, vouches: Bool = false) {
        self.provider = provider
        self.vouches = vouches
    }

    func pin(for request: PINRequest) throws -> PINAnswer? {
        let token = [request.tokenSerial, request.tokenLabel]
        if let answer = answers.withLock({ $0[token] }) { return answer }
        guard let given = try provider.pin(for: request) else { return nil }
        let answer = PINAnswer(given.secret, vouchedFor: given.vouchedFor || vouches)
        answers.withLock { $0[token] = answer }
        return answer
    }
}
