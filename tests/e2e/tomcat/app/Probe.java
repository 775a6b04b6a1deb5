// SPDX-License-Identifier: Apache-2.0

import jakarta.servlet.ServletException;
import jakarta.servlet.http.Cookie;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import jakarta.servlet.http.HttpSession;
import jakarta.servlet.http.HttpUpgradeHandler;
import jakarta.servlet.http.WebConnection;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.cert.X509Certificate;
import java.util.Base64;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * What a request looks like inside a container, and answers of every shape. The first segment of
 * the path chooses; anything else is shown. Parameters come from the query alone: a body is only
 * read by the actions that say so.
 */
public class Probe extends HttpServlet {
    private static final long serialVersionUID = 1;
    private static final int LINE = 16;

    /** Requests of /hold that wait, by key. */
    private static final ConcurrentHashMap<String, CountDownLatch> HELD = new ConcurrentHashMap<>();

    /** The requests for /keep that began, by key. */
    private static final ConcurrentHashMap<String, CompletableFuture<String>> BEGUN =
            new ConcurrentHashMap<>();

    /** What became of their bodies. */
    private static final ConcurrentHashMap<String, CompletableFuture<String>> KEPT =
            new ConcurrentHashMap<>();

    @Override
    protected void service(HttpServletRequest request, HttpServletResponse response)
            throws ServletException, IOException {
        String path = request.getPathInfo() == null ? "/" : request.getPathInfo();
        switch (path.split("/", 3)[1]) {
            case "begun" -> told(BEGUN, request, response);
            case "bytes" -> bytes(request, response);
            case "cookies" -> cookies(request, response);
            case "early" -> early(request, response);
            case "echo" -> echo(request, response);
            case "fields" -> fields(request, response);
            case "hold" -> hold(request, response);
            case "keep" -> keep(request, response);
            case "kept" -> told(KEPT, request, response);
            case "redirect" -> response.sendRedirect(request.getContextPath() + "/elsewhere?a=b");
            case "release" -> release(request, response);
            case "session" -> session(request, response);
            case "status" -> status(request, response);
            case "stream" -> stream(request, response);
            case "throw" -> failLate(request, response);
            case "ws" -> upgrade(request, response);
            default -> show(request, response);
        }
    }

    /** All of the request as JSON, with length and digest of its body. */
    private void show(HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        MessageDigest digest = digest("SHA-256");
        long length = 0;
        byte[] buffer = new byte[65536];
        InputStream in = request.getInputStream();
        for (int got = in.read(buffer); got >= 0; got = in.read(buffer)) {
            digest.update(buffer, 0, got);
            length += got;
        }
        Json json = new Json();
        json.text("node", node());
        json.text("method", request.getMethod());
        json.text("uri", request.getRequestURI());
        json.text("path", request.getPathInfo());
        json.text("query", request.getQueryString());
        json.text("protocol", request.getProtocol());
        json.text("scheme", request.getScheme());
        json.number("secure", request.isSecure() ? 1 : 0);
        json.text("serverName", request.getServerName());
        json.number("serverPort", request.getServerPort());
        json.text("remoteAddr", request.getRemoteAddr());
        json.text("remoteHost", request.getRemoteHost());
        json.number("remotePort", request.getRemotePort());
        json.text("localAddr", request.getLocalAddr());
        json.text("remoteUser", request.getRemoteUser());
        json.text("authType", request.getAuthType());
        json.text("requestedSession", request.getRequestedSessionId());
        json.number("sessionFromCookie", request.isRequestedSessionIdFromCookie() ? 1 : 0);
        json.number("contentLength", request.getContentLengthLong());
        json.number("bodyBytes", length);
        json.text("bodyDigest", HexFormat.of().formatHex(digest.digest()));
        json.begin("cookies");
        for (Cookie cookie : request.getCookies() == null ? new Cookie[0] : request.getCookies()) {
            json.row(cookie.getName(), cookie.getValue());
        }
        json.end();
        json.begin("headers");
        for (String name : Collections.list(request.getHeaderNames())) {
            for (String value : Collections.list(request.getHeaders(name))) {
                json.row(name, value);
            }
        }
        json.end();
        json.begin("attributes");
        for (String name : attributesOf(request)) {
            json.row(name, textOf(request.getAttribute(name)));
        }
        json.end();
        response.setHeader("X-Node", node());
        json.send(response);
    }

    /** An attribute as text; certificates by the subject of the first. */
    private static String textOf(Object value) {
        return value instanceof X509Certificate[] chain
                ? chain[0].getSubjectX500Principal().getName() : String.valueOf(value);
    }

    /** Those that the connection gave, also the ones that a container does not list. */
    private static Iterable<String> attributesOf(HttpServletRequest request) {
        TreeSet<String> names = new TreeSet<>(Collections.list(request.getAttributeNames()));
        for (String name : List.of("JK_LB_ACTIVATION", "AJP_REMOTE_PORT", "AJP_LOCAL_ADDR",
                "AJP_SSL_PROTOCOL", "org.apache.tomcat.util.net.secure_protocol_version",
                "jakarta.servlet.request.X509Certificate", "jakarta.servlet.request.cipher_suite",
                "jakarta.servlet.request.key_size", "jakarta.servlet.request.ssl_session_id")) {
            if (request.getAttribute(name) != null) {
                names.add(name);
            }
        }
        return names;
    }

    /** A counter in the session. */
    private void session(HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        HttpSession session = request.getSession();
        int count = 1;
        synchronized (session) {
            Object before = session.getAttribute("count");
            count = before == null ? 1 : (Integer) before + 1;
            session.setAttribute("count", count);
        }
        Json json = new Json();
        json.text("node", node());
        json.text("session", session.getId());
        json.number("count", count);
        response.setHeader("X-Node", node());
        json.send(response);
    }

    /** n bytes of lines that count; length=no leaves the length open. */
    private void bytes(HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        long size = number(request, "n", 0);
        response.setContentType("application/octet-stream");
        if (!"no".equals(parameter(request, "length"))) {
            response.setContentLengthLong(size);
        }
        writeContent(response.getOutputStream(), size);
    }

    private static void writeContent(OutputStream out, long size) throws IOException {
        byte[] block = new byte[4096 * LINE];
        for (long at = 0; at < size; at += block.length) {
            for (int i = 0; i < block.length / LINE; i++) {
                long value = at / LINE + i;
                for (int digit = LINE - 2; digit >= 0; digit--) {
                    block[i * LINE + digit] = (byte) Character.forDigit((int) (value & 15), LINE);
                    value >>= 4;
                }
                block[i * LINE + LINE - 1] = '\n';
            }
            out.write(block, 0, (int) Math.min(block.length, size - at));
        }
    }

    /** n pieces, each flushed, each but the first after the release of its number (see /hold). */
    private void stream(HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        String key = parameter(request, "key");
        OutputStream out = response.getOutputStream();
        for (int i = 0; i < number(request, "n", 1); i++) {
            if (i > 0 && key != null) {
                await(key + i);
            }
            out.write(("piece " + i + "\n").getBytes(StandardCharsets.US_ASCII));
            out.flush();
        }
    }

    /** Answers when /release came with the same key. */
    private void hold(HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        await(parameter(request, "key"));
        response.setHeader("X-Node", node());
        text(response, "released");
    }

    private static void await(String key) throws IOException {
        try {
            if (!latch(key).await(30, TimeUnit.SECONDS)) {
                throw new IOException("nobody released " + key);
            }
        } catch (InterruptedException e) {
            throw new IOException(e);
        }
        HELD.remove(key);
    }

    private static CountDownLatch latch(String key) {
        return HELD.computeIfAbsent(key, k -> new CountDownLatch(1));
    }

    private void release(HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        latch(parameter(request, "key")).countDown();
        text(response, "ok");
    }

    /** code, and a length that is told of a body that is not there. */
    private void status(HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        int code = (int) number(request, "code", HttpServletResponse.SC_OK);
        response.setStatus(code);
        response.setHeader("ETag", "\"tag\"");
        if (parameter(request, "length") != null) {
            response.setContentLengthLong(number(request, "length", 0));
        }
        if (code >= 400) {
            text(response, "status " + code);
        }
    }

    /** n cookies. */
    private void cookies(HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        for (int i = 0; i < number(request, "n", 1); i++) {
            response.addHeader("Set-Cookie", "c" + i + "=v" + i + "; Path=/app; HttpOnly");
        }
        text(response, "cookies");
    }

    /** Header fields: one of n bytes, one with bytes above 127, the coded ones, one empty. */
    private void fields(HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        response.setHeader("X-Long", "x".repeat((int) number(request, "n", 1)));
        response.setHeader("X-Latin", "caf\u00e9");
        response.setHeader("X-Empty", "");
        response.setHeader("Content-Language", "fr");
        response.setHeader("WWW-Authenticate", "Basic realm=\"a b\"");
        response.setHeader("Location", "/app/here");
        response.setHeader("Servlet-Engine", "none");
        response.setDateHeader("Last-Modified", 0);
        response.addHeader("X-Twice", "1");
        response.addHeader("X-Twice", "2");
        text(response, "fields");
    }

    /** Answers after n bytes of the body, 0 = before all. */
    private void early(HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        long rest = number(request, "n", 0);
        byte[] buffer = new byte[8192];
        InputStream in = request.getInputStream();
        while (rest > 0) {
            int got = in.read(buffer, 0, (int) Math.min(rest, buffer.length));
            if (got < 0) {
                break;
            }
            rest -= got;
        }
        response.setStatus((int) number(request, "code", HttpServletResponse.SC_OK));
        response.setHeader("X-Node", node());
        text(response, "early");
    }

    /** The body, piece by piece as it comes. */
    private void echo(HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        byte[] buffer = new byte[8192];
        InputStream in = request.getInputStream();
        OutputStream out = response.getOutputStream();
        response.setContentType("application/octet-stream");
        for (int got = in.read(buffer); got >= 0; got = in.read(buffer)) {
            out.write(buffer, 0, got);
        }
    }

    /** Reads the body and keeps whether it ended or broke off. */
    private void keep(HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        String key = parameter(request, "key");
        byte[] buffer = new byte[8192];
        String end = "broken";
        tell(BEGUN, key, "begun");
        try (InputStream in = request.getInputStream()) {
            while (in.read(buffer) >= 0) {
                continue;
            }
            end = "whole";
        } finally {
            tell(KEPT, key, end);
        }
        text(response, end);
    }

    private static void tell(ConcurrentHashMap<String, CompletableFuture<String>> board,
            String key, String what) {
        board.computeIfAbsent(key, k -> new CompletableFuture<>()).complete(what);
    }

    /** What the board says of a key, once it is known. */
    private void told(ConcurrentHashMap<String, CompletableFuture<String>> board,
            HttpServletRequest request, HttpServletResponse response) throws IOException {
        String key = parameter(request, "key");
        try {
            text(response, board.computeIfAbsent(key, k -> new CompletableFuture<>())
                    .get(20, TimeUnit.SECONDS));
        } catch (InterruptedException | ExecutionException | TimeoutException e) {
            throw new IOException(e);
        }
    }

    /** Fails after the answer began; length=yes told how long it would be. */
    private void failLate(HttpServletRequest request, HttpServletResponse response)
            throws IOException, ServletException {
        if ("yes".equals(parameter(request, "length"))) {
            response.setContentLength(1000);
        }
        writeContent(response.getOutputStream(), 160);
        response.flushBuffer();
        throw new ServletException("on purpose");
    }

    /** Takes a WebSocket, or what calls itself one: echoes bytes until the client ends. */
    private void upgrade(HttpServletRequest request, HttpServletResponse response)
            throws IOException, ServletException {
        String key = request.getHeader("Sec-WebSocket-Key");
        if (key == null || !"websocket".equalsIgnoreCase(request.getHeader("Upgrade"))) {
            response.sendError(HttpServletResponse.SC_BAD_REQUEST);
            return;
        }
        byte[] accept = digest("SHA-1").digest(
                (key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").getBytes(StandardCharsets.US_ASCII));
        response.setStatus(HttpServletResponse.SC_SWITCHING_PROTOCOLS);
        response.setHeader("Upgrade", "websocket");
        response.setHeader("Connection", "Upgrade");
        response.setHeader("Sec-WebSocket-Accept", Base64.getEncoder().encodeToString(accept));
        response.setHeader("X-Node", node());
        request.upgrade(Echo.class);
    }

    /** The connection after an upgrade. */
    public static final class Echo implements HttpUpgradeHandler {
        @Override
        public void init(WebConnection connection) {
            byte[] buffer = new byte[8192];
            try (connection) {
                InputStream in = connection.getInputStream();
                OutputStream out = connection.getOutputStream();
                for (int got = in.read(buffer); got >= 0; got = in.read(buffer)) {
                    out.write(buffer, 0, got);
                    out.flush();
                }
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        }

        @Override
        public void destroy() {
            // nothing is held
        }
    }

    private String node() {
        return System.getProperty("probe.node", "");
    }

    /** A parameter of the query: getParameter() would read bodies of forms. */
    private static String parameter(HttpServletRequest request, String name) {
        String query = request.getQueryString();
        for (String pair : query == null ? new String[0] : query.split("&")) {
            if (pair.startsWith(name + "=")) {
                return pair.substring(name.length() + 1);
            }
        }
        return null;
    }

    private static long number(HttpServletRequest request, String name, long none) {
        String value = parameter(request, name);
        return value == null ? none : Long.parseLong(value);
    }

    private static void text(HttpServletResponse response, String text) throws IOException {
        byte[] body = text.getBytes(StandardCharsets.UTF_8);
        response.setContentType("text/plain");
        response.setContentLength(body.length);
        response.getOutputStream().write(body);
    }

    private static MessageDigest digest(String name) {
        try {
            return MessageDigest.getInstance(name);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    /** One JSON object; rows are lists of two texts. */
    private static final class Json {
        private final StringBuilder out = new StringBuilder("{");
        private boolean first = true;

        void text(String name, String value) {
            key(name);
            quote(value);
        }

        void number(String name, long value) {
            key(name);
            out.append(value);
        }

        void begin(String name) {
            key(name);
            out.append('[');
            first = true;
        }

        void row(String name, String value) {
            comma();
            out.append('[');
            quote(name);
            out.append(',');
            quote(value);
            out.append(']');
        }

        void end() {
            out.append(']');
            first = false;
        }

        void send(HttpServletResponse response) throws IOException {
            byte[] body = out.append("}").toString().getBytes(StandardCharsets.US_ASCII);
            response.setContentType("application/json");
            response.setContentLength(body.length);
            response.getOutputStream().write(body);
        }

        private void key(String name) {
            comma();
            quote(name);
            out.append(':');
        }

        private void comma() {
            if (!first) {
                out.append(",\n");
            }
            first = false;
        }

        private void quote(String value) {
            if (value == null) {
                out.append("null");
                return;
            }
            out.append('"');
            for (char c : value.toCharArray()) {
                if (c < ' ' || c > '~' || c == '"' || c == '\\') {
                    out.append(String.format("\\u%04x", (int) c));
                } else {
                    out.append(c);
                }
            }
            out.append('"');
        }
    }
}
