import GnuTLS
import GnuTLSNIO
import MTLSCore
import NIOCore
import NIOEmbedded
import Testing

/// Peers that do not speak TLS.
struct OtherProtocolTests {
    @Test(
        arguments: [
            ("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "HTTP"), ("HTTP/1.0 200 OK\r\n\r\n", "HTTP"),
            ("SSH-2.0-OpenSSH_9.2\r\n", "SSH"), ("220 mail.example.com ESMTP\r\n", "SMTP or FTP"),
        ], [true, false])
    func aPlainAnswerIsCalledByItsName(_ answer: (String, String), _ isWhole: Bool) throws {
        let pair = try BackToBack()
        _ = pair.client.take()
        var bytes = ByteBuffer(string: answer.0)
        if isWhole {
            pair.client.give(bytes)
        } else {
            while let byte = bytes.readSlice(length: 1) { pair.client.give(byte) }
        }
        pair.loop.run()
        if pair.client.channel.isActive { pair.client.lose() }
        let error = try #require(pair.client.handshakeError as? MTLSError)
        #expect(error.message.contains("localhost answered in plain \(answer.1), not TLS"))
        #expect(error.code == .handshakeFailed)
        #expect(error.advice?.contains("http:") == true)
        #expect(pair.client.take() == nil, "no alert is sent to somebody who does not know what it is")
        #expect(pair.client.recorder.errors.count == 1)
    }

    @Test(arguments: [
        "HTT", "GET / HTTP/1.1\r\n\r\n", "\0\0\0\0\0\0\0\0\0\0", "<html><body></body></html>", "+OK ready\r\n",
    ])
    func anythingElseIsAHandshakeErrorToo(_ answer: String) throws {
        let pair = try BackToBack()
        pair.client.give(ByteBuffer(string: answer))
        if pair.client.channel.isActive { pair.client.lose() }
        let error = try #require(pair.client.handshakeError as? MTLSError)
        #expect(error.code == .handshakeFailed && !error.message.contains("plain"))
    }

    @Test func aRecordThatSpellsHTTPLaterIsStillTLS() throws {
        let pair = try BackToBack.connected()
        _ = pair.client.take()
        pair.client.give(ByteBuffer(string: "HTTP/1.1 200 OK\r\n\r\n"))
        #expect(pair.client.recorder.mtlsErrors.first?.code == .tlsFailed)
        #expect(pair.client.recorder.text == "")
    }
}
