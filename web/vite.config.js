import { defineConfig } from "vite";

// Everything the page may load comes from the node that served it. Pictures, sound and films may also come from the
// node's gateway, whose address is known only at run time; scripts never may.
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' blob: http: https:",
  "media-src 'self' blob: http: https:",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

const withPolicy = {
  name: "content-security-policy",
  apply: "build",
  transformIndexHtml: () => [
    { tag: "meta", attrs: { "http-equiv": "Content-Security-Policy", content: policy }, injectTo: "head-prepend" },
  ],
};

// For `vite dev` and `vite preview`: the RPC of the node at $RPC (http://127.0.0.1:5001 by default) appears at the
// page's own origin, as it does when a node serves the page; $GATEWAY is told as a node would tell it.
const gatewayAddress = (server) => {
  server.middlewares.use("/gateway.txt", (_request, response) => {
    response.statusCode = process.env.GATEWAY ? 200 : 404;
    response.setHeader("Content-Type", "text/plain");
    response.end(process.env.GATEWAY ?? "");
  });
};
const asANodeDoes = { name: "as-a-node-does", configureServer: gatewayAddress, configurePreviewServer: gatewayAddress };

const rpc = process.env.RPC ?? "http://127.0.0.1:5001";

const served = {
  host: "127.0.0.1",
  port: Number(process.env.PORT ?? 5173),
  strictPort: true,
  proxy: {
    "/api/v0": {
      target: rpc,
      changeOrigin: true,
      configure: (proxy) => {
        // Pages can't read trailers, and the proxy dies of one that an answer of known length announces.
        proxy.on("proxyRes", (response) => delete response.headers.trailer);
        proxy.on("proxyReq", (request) => {
          // To the node it looks like its own page; of foreign ones it refuses everything.
          request.setHeader("origin", rpc);
          request.removeHeader("referer");
        });
      },
    },
  },
};

export default defineConfig({
  base: "./",
  appType: "mpa",
  plugins: [withPolicy, asANodeDoes],
  server: served,
  preview: served,
  build: { target: "es2022", modulePreload: { polyfill: false }, assetsInlineLimit: 0, reportCompressedSize: true },
});
