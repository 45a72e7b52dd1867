/* handover.cc: gives a socket that is connected already to DUL of DCMTK, which insists on accepting
 * or connecting by itself.
 *
 * The wire keeps the socket; DUL never sees it. Accepting: DUL takes dcmExternalSocketHandle, one
 * for the whole process, instead of accepting; that is set once, to one end of a connection to
 * ourselves that only serves DUL's getpeername and setsockopt. Requesting: DUL connects to a
 * listener on loopback that lives as long as the call. In both cases it then asks our transport
 * layer for a connection, and gets one over the wire that the calling thread laid ready. No lock:
 * what is shared is made once and only read. */
#include <cstdio>
#include <cstring>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport.h"

#include "dcmtk/dcmnet/dcmlayer.h"
#include "dcmtk/dcmnet/dcmtrans.h"
#include "dcmtk/dcmnet/dul.h"
#include "dcmtk/oflog/oflog.h"

class yq_connection : public DcmTransportConnection
{
  public:
    explicit yq_connection(yq_wire *to) : DcmTransportConnection(-1), wire(to) {}
    ~yq_connection() override { hang_up(); }
    OFCondition serverSideHandshake() override { return EC_Normal; }
    OFCondition clientSideHandshake() override
    {
        hang_up(); /* DUL has set its options on it, and forgets it from here on */
        return EC_Normal;
    }
    OFCondition renegotiate(const char *) override { return EC_Normal; }
    ssize_t read(void *bytes, size_t room) override { return wire->read(bytes, room); }
    ssize_t write(void *bytes, size_t length) override { return wire->write(bytes, length); }
    void close() override {} /* the wire's owner does */
    void closeTransportConnection() override {}
    unsigned long getPeerCertificateLength() override { return 0; }
    unsigned long getPeerCertificate(void *, unsigned long) override { return 0; }
    OFBool networkDataAvailable(int seconds) override { return wire->available(seconds); }
    OFBool isTransparentConnection() override { return OFFalse; }
    OFString &dumpConnectionParameters(OFString &text) override { return text = "yq_wire"; }

    int dialled = -1; /* DUL's own connection to our listener; owned */

  private:
    void hang_up()
    {
        if (dialled < 0)
            return;
        struct linger at_once = {1, 0}; /* leaves no TIME_WAIT behind */
        (void)setsockopt(dialled, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        (void)::close(dialled);
        dialled = -1;
    }
    yq_wire *wire;
};

/* What this thread is about to hand to DUL. Made before the call, as DUL would close its socket,
 * and the process-wide one with it, if it were told that there is no connection. */
static thread_local std::unique_ptr<yq_connection> ready;

class yq_layer : public DcmTransportLayer
{
  public:
    explicit yq_layer(bool keep) : dials(keep) {}
    DcmTransportConnection *createConnection(DcmNativeSocketType socket, OFBool) override
    {
        if (ready && dials)
            ready->dialled = socket;
        return ready.release();
    }

  private:
    bool dials; /* the socket is one DUL made, so it is ours to close */
};

/* Listens on a port of loopback; -1 when that fails. */
static int listen_here(struct sockaddr_in &here)
{
    socklen_t length = sizeof here;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct sockaddr *name = reinterpret_cast<struct sockaddr *>(&here);
    if (listener < 0 || bind(listener, name, sizeof here) || listen(listener, 16) ||
        getsockname(listener, name, &length)) {
        if (listener >= 0)
            (void)close(listener);
        return -1;
    }
    return listener;
}

/* A TCP connection of this process to itself, as DUL sets options on it that only TCP has
 * (TCP_NODELAY, when the environment asks for it). */
static bool connect_pair(int pair[2])
{
    struct sockaddr_in here = {};
    int listener = listen_here(here);
    pair[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener >= 0 && pair[1] >= 0 &&
        connect(pair[1], reinterpret_cast<struct sockaddr *>(&here), sizeof here) == 0)
        pair[0] = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (listener >= 0)
        (void)close(listener);
    return pair[0] >= 0;
}

struct networks { /* DUL only reads a network key once it is made */
    DUL_NETWORKKEY *acceptor = nullptr, *requestor = nullptr;
    int pair[2] = {-1, -1};

    networks()
    {
        OFLog::configure(OFLogger::OFF_LOG_LEVEL);
        dcmDisableGethostbyaddr.set(OFTrue);
        if (!connect_pair(pair))
            return;
        dcmExternalSocketHandle.set(pair[0]); /* also keeps DUL from listening */
        int port = 0;
        if (DUL_InitializeNetwork(DUL_AEACCEPTOR, &port, 3600, DUL_ORDERBIGENDIAN, &acceptor)
                .good())
            DUL_setTransportLayer(acceptor, new yq_layer(false), 1);
        if (DUL_InitializeNetwork(DUL_AEREQUESTOR, &port, 3600, DUL_ORDERBIGENDIAN, &requestor)
                .good())
            DUL_setTransportLayer(requestor, new yq_layer(true), 1);
    }
};

static networks &the_networks()
{
    static networks *once = new networks; /* never dropped: associations may outlive main */
    return *once;
}

OFCondition yq_wire_accept(yq_wire *wire, DUL_ASSOCIATESERVICEPARAMETERS *params,
                           DUL_ASSOCIATIONKEY **out)
{
    networks &net = the_networks();
    if (!net.acceptor)
        return EC_IllegalCall;
    ready.reset(new yq_connection(wire));
    OFCondition cond = DUL_ReceiveAssociationRQ(&net.acceptor, DUL_NOBLOCK, 3600, params, out, 0);
    ready.reset();
    return cond;
}

OFCondition yq_wire_request(yq_wire *wire, DUL_ASSOCIATESERVICEPARAMETERS *params,
                            DUL_ASSOCIATIONKEY **out)
{
    networks &net = the_networks();
    if (!net.requestor)
        return EC_IllegalCall;
    ready.reset(new yq_connection(wire));
    struct sockaddr_in here = {};
    int listener = listen_here(here);
    if (listener < 0) {
        ready.reset();
        return EC_IllegalCall;
    }
    snprintf(params->calledPresentationAddress, sizeof params->calledPresentationAddress,
             "127.0.0.1:%u", unsigned(ntohs(here.sin_port)));
    OFCondition cond = DUL_RequestAssociation(&net.requestor, DUL_BLOCK, 0, params, out, 0);
    ready.reset();
    (void)close(listener);
    return cond;
}
