import MTLSCore
import NIOCore

import let Glibc.SO_RCVLOWAT

extension HTTP1ExchangeHandler {
    /// Asks for a read, unless one is outstanding.
    func read() {
        guard !isReading, let context else { return }
        isReading = true
        context.read()
    }

    /// A transport that has no such mark does without.
    func setReadMark() {
        guard let channel = context?.channel else { return }
        let option = ChannelOptions.Types.SocketOption(level: .socket, name: .init(rawValue: SO_RCVLOWAT))
        try? channel.syncOptions?.setOption(option, value: SocketOptionValue(pacing.mark))
        timePatience()
    }

    /// Tells the pacing something. It is changed as a whole, which costs no exclusivity check.
    func pace<Answer>(_ tell: (inout ReadPacing) -> Answer) -> Answer {
        var pacing = pacing
        defer { self.pacing = pacing }
        return tell(&pacing)
    }

    private func timePatience() {
        guard pacing.mark > 1, !isPatienceTimed, let loop = context?.eventLoop else { return }
        isPatienceTimed = true
        loop.assumeIsolated().scheduleTask(in: TimeAmount(ReadPacing.patience)) { [weak self] in
            guard let self else { return }
            isPatienceTimed = false
            if pace({ $0.patienceEnded() }) { setReadMark() } else { timePatience() }
        }
    }
}
